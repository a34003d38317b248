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
    const middle = median(this.#last);
    const first = this.#shown === null;
    const moved = this.#shown !== null && Math.abs(middle - this.#shown) >= this.#shown * FIFTH;
    if (first || (moved && now - this.#at >= PAUSE)) {
      this.#shown = middle;
      this.#at = now;
    }
    return this.#shown;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
