// The arithmetic of the virtual list: which rows stand in sight, and where a row stands. Heights are measured once and
// kept by key; what was never measured is guessed. Pure: the list component does the measuring and the scrolling.

/** What an unmeasured row is taken for before any was measured. The mean of what was measured corrects it as one scrolls. */
export const GUESS = 44;

export class Heights {
  readonly #known = new Map<string, number>();
  readonly #first: number;
  #sum = 0;

  /** `first`: what a row is taken for until one is measured. */
  constructor(first = GUESS) {
    this.#first = first;
  }

  /** Remembers a height; tells whether that is news. */
  set(key: string, height: number): boolean {
    const known = this.#known.get(key);
    if (known === height) return false;
    this.#known.set(key, height);
    this.#sum += height - (known ?? 0);
    return true;
  }

  of(key: string): number {
    return this.#known.get(key) ?? this.guess;
  }

  has(key: string): boolean {
    return this.#known.has(key);
  }

  get size(): number {
    return this.#known.size;
  }

  get guess(): number {
    return this.#known.size === 0 ? this.#first : Math.round(this.#sum / this.#known.size);
  }

  /** After a change of width or type nothing measured holds any more. */
  clear(): void {
    this.#known.clear();
    this.#sum = 0;
  }

  /** Forgets rows which are no longer held, so that a long read does not grow the map without end. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, height] of this.#known) {
      if (keys.has(key)) continue;
      this.#known.delete(key);
      this.#sum -= height;
    }
  }
}

/** Where each row begins, and after the last one where all of them end. */
export function topsOf(keys: readonly string[], heights: Heights): number[] {
  const tops = new Array<number>(keys.length + 1);
  let top = 0;
  keys.forEach((key, index) => {
    tops[index] = top;
    top += heights.of(key);
  });
  tops[keys.length] = top;
  return tops;
}

/** The last row that begins at or above a place; 0 for an empty list. */
export function rowAt(tops: readonly number[], y: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface Range {
  /** The first row to stand in the document. */
  from: number;
  /** One past the last. */
  to: number;
}

/** The rows that a viewport and a margin around it need. */
export function rangeOf(tops: readonly number[], scrollTop: number, viewport: number, margin: number): Range {
  const count = tops.length - 1;
  if (count <= 0) return { from: 0, to: 0 };
  return {
    from: rowAt(tops, scrollTop - margin),
    to: Math.min(count, rowAt(tops, scrollTop + viewport + margin) + 1),
  };
}

/** What stays where it is while things are added, taken away or measured. */
export type Anchor =
  /** The end of the list stays at the viewport's end. */
  | { at: "end" }
  /** A row stays `offset` pixels below the viewport's top edge. */
  | { at: "row"; key: string; offset: number };

/** The scroll position that keeps the anchor where it is. Null if its row is gone. */
export function scrollFor(
  anchor: Anchor,
  keys: readonly string[],
  tops: readonly number[],
  viewport: number,
): number | null {
  const total = tops[keys.length] ?? 0;
  if (anchor.at === "end") return Math.max(0, total - viewport);
  const index = keys.indexOf(anchor.key);
  if (index < 0) return null;
  return Math.max(0, (tops[index] ?? 0) - anchor.offset);
}

/** The anchor a scroll position means: the end when one is at it, else the first row that begins in sight. */
export function anchorAt(
  keys: readonly string[],
  tops: readonly number[],
  scrollTop: number,
  viewport: number,
  isFixed: (key: string) => boolean,
): Anchor {
  const total = tops[keys.length] ?? 0;
  if (scrollTop + viewport >= total - END_SLACK) return { at: "end" };
  const first = rowAt(tops, scrollTop);
  for (let index = first; index < keys.length; index += 1) {
    const key = keys[index];
    // Rows that come and go with what is loaded (a day, the unread line) can't hold the place.
    if (key !== undefined && isFixed(key)) return { at: "row", key, offset: (tops[index] ?? 0) - scrollTop };
  }
  return { at: "end" };
}

/** The anchor once its row is gone: the next row below it that is still held, or else the nearest above it, where that one
 * stood. `keys` and `tops` are those of before. */
export function heirOf(
  anchor: Anchor,
  keys: readonly string[],
  tops: readonly number[],
  isHeld: (key: string) => boolean,
): Anchor {
  if (anchor.at === "end" || isHeld(anchor.key)) return anchor;
  const gone = keys.indexOf(anchor.key);
  if (gone < 0) return anchor;
  const below = keys.findIndex((key, index) => index > gone && isHeld(key));
  const heir = below >= 0 ? below : keys.slice(0, gone).findLastIndex(isHeld);
  const key = keys[heir];
  if (key === undefined) return anchor;
  return { at: "row", key, offset: anchor.offset + (tops[heir] ?? 0) - (tops[gone] ?? 0) };
}

/** So close to the end counts as being there. */
export const END_SLACK = 24;
