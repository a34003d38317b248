// What is asked of the engine for one view: not there yet, there, or failed with a way to ask again. Asks again by itself when
// the relay comes back after it could not be reached.

import { untrack } from "svelte";
import { failure } from "../backend";
import type { Failure } from "../backend/types";
import { session } from "../state/session.svelte";

export class Asked<Value> {
  value = $state.raw<Value | null>(null);
  failure = $state.raw<Failure | null>(null);
  #ask: () => Promise<Value>;
  #turn = 0;

  /** Asks at once; to be made while a component begins. */
  constructor(ask: () => Promise<Value>) {
    this.#ask = ask;
    $effect(() => {
      if (session.online || untrack(() => this.#turn === 0)) untrack(() => void this.load());
    });
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const value = await this.#ask();
      if (turn !== this.#turn) return;
      this.value = value;
      this.failure = null;
    } catch (thrown) {
      if (turn === this.#turn) this.failure = failure(thrown);
    }
  }
}
