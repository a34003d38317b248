// Telling the others that one is typing: at most every few seconds, and that one stopped once.

const AGAIN = 4_000;
const STOPS = 6_000;

export class TypingMark {
  #tell: (on: boolean) => void;
  #at: number | null = null;
  #ends: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (on: boolean) => void) {
    this.#tell = tell;
  }

  /** Something was written; `any` if there is a text now. */
  written(any: boolean): void {
    if (!any) return this.end();
    clearTimeout(this.#ends);
    this.#ends = setTimeout(() => this.end(), STOPS);
    if (this.#at !== null && Date.now() - this.#at < AGAIN) return;
    this.#at = Date.now();
    this.#tell(true);
  }

  end(): void {
    clearTimeout(this.#ends);
    if (this.#at === null) return;
    this.#at = null;
    this.#tell(false);
  }
}
