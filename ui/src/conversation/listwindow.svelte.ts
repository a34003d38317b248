// The window on a list that is too long for the document: which rows stand in it, and where it is scrolled to. Whatever is
// added, taken away or measured, the anchor (the end, or a row in sight) stays where it is. The arithmetic is that of
// `heights.ts`; here is the measuring and the scrolling.

import { anchorAt, GUESS, Heights, heirOf, rangeOf, rowAt, scrollFor, topsOf, type Anchor } from "./heights";
import { isFixed } from "./rows";
import { afterPaint } from "../state/frame";

/** Rows this far out of sight stand ready. */
const MARGIN = 700;
/** They are made so many milliseconds after the others were painted: what is typed at once comes first. */
const REST = 100;
/** More heights than this are not remembered of rows that are no longer held. */
const KNOWN = 2_000;
/** How high rows were in the list before: a list that begins so asks for about as many as it shows. */
let typical = GUESS;

export class ListWindow {
  /** What to hold on to. Whoever changes it by itself calls `lay` then. */
  anchor: Anchor = { at: "end" };
  /** How high the list shows. */
  viewport = $state(0);

  /** Where every row begins, and which ones stand in the document: one value, so that the document and the anchor never go
   * by different ones. */
  laid = $derived.by(() => {
    void this.#measured;
    void this.#moved;
    const keys = this.#keys();
    const tops = topsOf(keys, this.#heights);
    this.anchor = this.#held(keys);
    this.#stood = { keys, tops };
    const top = scrollFor(this.anchor, keys, tops, this.viewport) ?? this.top;
    const { from, to } = rangeOf(tops, top, this.viewport, this.#margin);
    return { tops, from, to, before: tops[from] ?? 0, after: (tops[keys.length] ?? 0) - (tops[to] ?? 0) };
  });

  #keys: () => readonly string[];
  #isWhole: () => boolean;
  #heights = new Heights(typical);
  #scroller: HTMLElement | null = null;
  /** What shows is painted before what is out of sight is made. */
  #margin = $state(0);
  /** Counts up when a height is news. */
  #measured = $state(0);
  /** Counts up when other rows come into sight. */
  #moved = $state(0);
  #stopWidening: () => void = () => undefined;
  /** How the rows were laid last. */
  #stood: { keys: readonly string[]; tops: readonly number[] } = { keys: [], tops: [0] };
  /** Where the list put itself: what then scrolls is no hand. */
  #applied: number | null = null;
  #watched = new WeakSet<HTMLElement>();
  #sizes = new ResizeObserver((entries) => this.#resized(entries));

  /** `isWhole`: whether the last row held is the last of all. */
  constructor(keys: () => readonly string[], isWhole: () => boolean) {
    this.#keys = keys;
    this.#isWhole = isWhole;
  }

  /** Begins with the element that scrolls, whose rows have their key as `data-row`; gives what ends it. */
  attach(scroller: HTMLElement): () => void {
    this.#scroller = scroller;
    let width = 0;
    const size = new ResizeObserver(([entry]) => {
      if (!entry) return;
      // Another width breaks the lines elsewhere.
      if (width !== 0 && Math.abs(entry.contentRect.width - width) > 0.5) this.#heights.clear();
      width = entry.contentRect.width;
      this.viewport = entry.contentRect.height;
      this.lay();
    });
    size.observe(scroller);
    return () => {
      size.disconnect();
      this.#sizes.disconnect();
      this.#scroller = null;
      this.#stopWidening();
      if (this.#heights.size > 0) typical = this.#heights.guess;
    };
  }

  get top(): number {
    return this.#scroller?.scrollTop ?? 0;
  }

  /** How much of what is held lies below what is in sight. */
  get below(): number {
    return this.#total - this.top - this.viewport;
  }

  /** Whether a row begins below what is in sight; null if it is not held. */
  isBelow(key: string): boolean | null {
    const index = this.#keys().indexOf(key);
    return index < 0 ? null : (this.laid.tops[index] ?? 0) >= this.top + this.viewport;
  }

  /** The row that stands at the top edge. */
  get first(): number {
    return rowAt(this.laid.tops, this.top);
  }

  /** The last row of this kind that is wholly in sight or above it; -1 if there is none. */
  lastSeen(isWanted: (index: number) => boolean): number {
    const bottom = this.top + this.viewport + 4;
    let index = this.#keys().length - 1;
    while (index >= 0 && !(isWanted(index) && (this.laid.tops[index + 1] ?? 0) <= bottom)) index -= 1;
    return index;
  }

  /** Lays the rows out again, around the anchor. */
  lay(): void {
    this.#measured += 1;
  }

  /** Puts a row so far below the top edge. */
  put(key: string, offset: number): void {
    this.anchor = { at: "row", key, offset };
    this.lay();
  }

  /** Scrolls as little as shows all of a row. */
  reveal(key: string): void {
    const index = this.#keys().indexOf(key);
    const [top, bottom] = [this.laid.tops[index] ?? 0, this.laid.tops[index + 1] ?? 0];
    if (top < this.top + 8) this.anchor = { at: "row", key, offset: 40 };
    else if (bottom > this.top + this.viewport) {
      this.anchor = { at: "row", key, offset: Math.max(8, this.viewport - (bottom - top) - 12) };
    }
    this.lay();
  }

  /** Measures what came into the document, before it is painted; then puts the anchor back where it was. False while what
   * was measured lays the rows out anew. */
  settle(): boolean {
    if (this.#measure()) {
      this.lay();
      return false;
    }
    this.#hold();
    if (this.#margin === 0) this.#widenOncePainted();
    return true;
  }

  /** Follows what was scrolled. False if the list only put itself right, or is gone by the time it is told. */
  scrolled(): boolean {
    if (!this.#scroller) return false;
    const { top } = this;
    const byItself = this.#applied !== null && Math.abs(top - this.#applied) <= 1;
    this.#applied = null;
    if (byItself) return false;
    this.anchor = this.#anchorNow();
    if (this.#margin === 0) this.#widen();
    // A few rows more or less are not worth a change of the document.
    const first = rowAt(this.laid.tops, top - MARGIN / 2);
    const last = rowAt(this.laid.tops, top + this.viewport + MARGIN / 2);
    if (first < this.laid.from || last + 1 > this.laid.to) this.#moved += 1;
    return true;
  }

  /** The anchor, or what takes its place if its row is held no more. */
  #held(keys: readonly string[]): Anchor {
    const { anchor } = this;
    if (anchor.at === "end" || keys.includes(anchor.key)) return anchor;
    const held = new Set(keys);
    return heirOf(anchor, this.#stood.keys, this.#stood.tops, (key) => isFixed(key) && held.has(key));
  }

  #widenOncePainted(): void {
    if (this.#keys().length === 0 || this.viewport === 0) return;
    this.#stopWidening();
    this.#stopWidening = afterPaint(() => this.#widen(), REST);
  }

  #widen(): void {
    this.#stopWidening();
    this.#margin = MARGIN;
  }

  get #total(): number {
    return this.laid.tops.at(-1) ?? 0;
  }

  #measure(): boolean {
    let news = false;
    for (const element of this.#scroller?.querySelectorAll<HTMLElement>("[data-row]") ?? []) {
      const key = element.dataset.row ?? "";
      if (!this.#watched.has(element)) {
        this.#watched.add(element);
        this.#sizes.observe(element);
      }
      if (!this.#heights.has(key)) news = this.#heights.set(key, element.getBoundingClientRect().height) || news;
    }
    if (this.#heights.size > KNOWN) this.#heights.keepOnly(new Set(this.#keys()));
    return news;
  }

  #resized(entries: ResizeObserverEntry[]): void {
    let news = false;
    for (const { target: element } of entries) {
      if (!(element instanceof HTMLElement) || !element.isConnected) {
        this.#sizes.unobserve(element);
        continue;
      }
      news = this.#heights.set(element.dataset.row ?? "", element.getBoundingClientRect().height) || news;
    }
    if (news) this.lay();
  }

  #hold(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    const { anchor } = this;
    const wanted =
      anchor.at === "end" ? scroller.scrollHeight : scrollFor(anchor, this.#keys(), this.laid.tops, this.viewport);
    if (wanted !== null && Math.abs(scroller.scrollTop - wanted) > 0.5) {
      const before = this.top;
      scroller.scrollTop = wanted;
      if (this.top !== before) this.#applied = this.top;
    }
    // A row that is asked for higher up than the end allows stays asked for while there may be more behind the end.
    if (anchor.at === "row" && this.#isWhole() && isAtEnd(scroller)) this.anchor = { at: "end" };
  }

  #anchorNow(): Anchor {
    const keys = this.#keys();
    const { tops } = this.laid;
    const { top, viewport } = this;
    const found = anchorAt(keys, tops, top, viewport, isFixed);
    if (found.at === "end") return this.#isWhole() ? found : this.#lastRow();
    // Where a row stands that was never measured is a guess: one that was holds better, if one is near.
    const known = anchorAt(keys, tops, top, viewport, (key) => isFixed(key) && this.#heights.has(key));
    return known.at === "row" && known.offset < viewport + MARGIN ? known : found;
  }

  /** The end of what is held is not the end of the conversation: more is about to come behind it. */
  #lastRow(): Anchor {
    const keys = this.#keys();
    const index = keys.findLastIndex(isFixed);
    const key = keys[index];
    if (key === undefined) return { at: "end" };
    return { at: "row", key, offset: (this.laid.tops[index] ?? 0) - this.top };
  }
}

function isAtEnd({ scrollHeight, clientHeight, scrollTop }: HTMLElement): boolean {
  return scrollHeight - clientHeight - scrollTop <= 1;
}
