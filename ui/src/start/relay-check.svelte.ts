// The relay that was typed or pasted, and what answered there. An answer that comes after the address was changed is dropped.

import { backend, failure } from "../backend";
import type { Failure, RelayInfo } from "../backend/types";
import { readEntry } from "./address";

export type Answer =
  | { state: "none" }
  | { state: "asking" }
  /** `took` in microseconds. */
  | { state: "found"; info: RelayInfo; took: number }
  | { state: "failed"; failure: Failure };

/** After the last letter; a paste is asked at once. */
const PAUSE = 450;

export class RelayCheck {
  text = $state("");
  answer = $state.raw<Answer>({ state: "none" });
  entry = $derived(readEntry(this.text));
  relay = $derived(this.entry.kind === "relay" || this.entry.kind === "invite" ? this.entry.relay : null);
  code = $derived(this.entry.kind === "invite" ? this.entry.code : null);

  #of: string | null = null;
  #asked: Promise<RelayInfo | null> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The text is another one now. */
  typed(text: string, atOnce = false): void {
    this.text = text;
    clearTimeout(this.#timer);
    if (this.relay === this.#of) return;
    this.#of = null;
    this.#asked = null;
    this.answer = { state: "none" };
    if (!this.relay) return;
    if (atOnce) void this.ask();
    else this.#timer = setTimeout(() => void this.ask(), PAUSE);
  }

  /** Asks what stands there, unless it has answered already; null if it doesn't answer, or not as a relay. */
  async ask(): Promise<RelayInfo | null> {
    clearTimeout(this.#timer);
    const relay = this.relay;
    if (!relay) return null;
    if (this.#of === relay && this.#asked && this.answer.state !== "failed") return this.#asked;
    this.#of = relay;
    return (this.#asked = this.#put(relay));
  }

  async #put(relay: string): Promise<RelayInfo | null> {
    this.answer = { state: "asking" };
    const began = performance.now();
    try {
      const info = await backend().checkRelay(relay);
      if (this.#of !== relay) return null;
      this.answer = { state: "found", info, took: (performance.now() - began) * 1000 };
      return info;
    } catch (thrown) {
      if (this.#of === relay) this.answer = { state: "failed", failure: failure(thrown) };
      return null;
    }
  }
}
