// What may be meant by what is being written, and which of it is chosen. It opens by itself, and once put away it stays so
// until something else is written.

import type { Option } from "./Completion.svelte";

export class Completing {
  options = $derived.by(() => (this.#dismissed === this.#text() ? [] : this.#find()));
  /** Which one is chosen. */
  at = $derived.by(() => Math.min(this.#chosen, this.options.length - 1));
  open = $derived.by(() => this.options.length > 0);

  #text: () => string;
  #find: () => Option[];
  #chosen = $state(0);
  /** The text for which it was put away. */
  #dismissed = $state<string | null>(null);

  constructor(text: () => string, find: () => Option[]) {
    this.#text = text;
    this.#find = find;
  }

  /** Something else was written. */
  restart(): void {
    this.#chosen = 0;
    if (this.#dismissed !== this.#text()) this.#dismissed = null;
  }

  choose(index: number): void {
    this.#chosen = index;
  }

  /** Whether a key was meant for this. */
  takes(event: KeyboardEvent): boolean {
    if (!this.open) return false;
    const count = this.options.length;
    if (event.key === "ArrowDown") this.#chosen = (this.at + 1) % count;
    else if (event.key === "ArrowUp") this.#chosen = (this.at - 1 + count) % count;
    else if (event.key === "Escape") this.#dismissed = this.#text();
    else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) this.options[this.at]?.take();
    else return false;
    return true;
  }
}
