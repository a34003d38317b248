// The round trip a person sees: the median of the last five, repainted at most every two seconds, and only if it changed by
// a fifth.

const KEPT = 5;
const PAUSE = 2_000;
const FIFTH = 0.2;

export class RoundTrip {
  #last: number[] = [];
  #shown: number | null = null;
  #at = Number.NEGATIVE_INFINITY;

  /** Takes a new figure, in microseconds; gives the one to show. */
  take(micros: number | null, now: number): number | null {
    if (micros === null) {
      this.#last = [];
      this.#shown = null;
      this.#at = Number.NEGATIVE_INFINITY;
      return null;
    }
    this.#last = [...this.#last, micros].slice(-KEPT);
    return this.look(now);
  }

  /** Those before count no more; what is shown stays until another is to be. */
  forget(): void {
    this.#last = [];
  }

  /** The figure to show now. */
  look(now: number): number | null {
    if (this.#hasMoved && now - this.#at >= PAUSE) {
      this.#shown = median(this.#last);
      this.#at = now;
    }
    return this.#shown;
  }

  /** When another figure is to be shown, of what came so far; null if none is. */
  get due(): number | null {
    return this.#hasMoved ? this.#at + PAUSE : null;
  }

  get #hasMoved(): boolean {
    if (this.#last.length === 0) return false;
    return this.#shown === null || Math.abs(median(this.#last) - this.#shown) >= this.#shown * FIFTH;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
