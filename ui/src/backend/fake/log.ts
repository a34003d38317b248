// The lines of one chat, oldest first. The first ones may be made only when somebody looks, so that a chat of a hundred
// thousand costs nothing to have.

import type { MessageKey, MessageView, Millis, Page } from "../types";

export class Log {
  #made: number;
  #make: (index: number) => MessageView;
  #changed = new Map<number, MessageView>();
  #added: MessageView[] = [];
  #places = new Map<string, number>();
  #hidden = new Set<number>();
  #first = 0;

  /** `make` gives the line at an index below `made`; its id must end in the index as twelve hex digits. */
  constructor(made = 0, make: (index: number) => MessageView = () => fail()) {
    this.#made = made;
    this.#make = make;
  }

  /** The index of the oldest line that is kept. */
  get first(): number {
    return this.#first;
  }

  /** One past the index of the newest line. */
  get length(): number {
    return this.#made + this.#added.length;
  }

  at(index: number): MessageView {
    const changed = this.#changed.get(index);
    if (changed) return changed;
    if (index < this.#made) return this.#make(index);
    return this.#added[index - this.#made] ?? fail();
  }

  add(line: Omit<MessageView, "position">): MessageView {
    const index = this.length;
    const whole = { ...line, position: String(index) } as MessageView;
    this.#added.push(whole);
    this.#places.set(whole.id, index);
    return whole;
  }

  set(index: number, line: MessageView): void {
    this.#changed.set(index, line);
  }

  /** -1 if there is none. */
  find(key: MessageKey): number {
    const index = this.#places.get(key.id) ?? this.#madeAs(key);
    return index < this.#first || this.#hidden.has(index) ? -1 : index;
  }

  /** Shows a line no more. */
  isHidden(index: number): boolean {
    return this.#hidden.has(index);
  }

  hide(index: number): void {
    this.#hidden.add(index);
  }

  /** Drops the lines that were sent before then, and gives them. */
  drop(before: Millis): MessageView[] {
    const first = this.#firstSince(before);
    const gone = this.slice(this.#first, first);
    this.#first = first;
    return gone;
  }

  last(): MessageView | null {
    return this.#before(this.length, 1)[0] ?? null;
  }

  slice(from: number, to: number): MessageView[] {
    const lines = [];
    for (let index = Math.max(this.#first, from); index < Math.min(to, this.length); index += 1)
      if (!this.#hidden.has(index)) lines.push(this.at(index));
    return lines;
  }

  /** So many lines before an index, oldest first. */
  #before(index: number, count: number): MessageView[] {
    const lines = [];
    for (let at = index - 1; at >= this.#first && lines.length < count; at -= 1)
      if (!this.#hidden.has(at)) lines.push(this.at(at));
    return lines.reverse();
  }

  /** So many lines from an index on. */
  #from(index: number, count: number): MessageView[] {
    const lines = [];
    for (let at = Math.max(index, this.#first); at < this.length && lines.length < count; at += 1)
      if (!this.#hidden.has(at)) lines.push(this.at(at));
    return lines;
  }

  /** `unread` is the index of the first unread line. */
  page(page: Page, limit: number, unread: number): MessageView[] {
    const around = (index: number) => {
      const after = this.#from(index, limit - Math.floor(limit / 3));
      return [...this.#before(index, limit - after.length), ...after];
    };
    switch (page.page) {
      case "newest":
        return this.#before(this.length, limit);
      case "before":
        return this.#before(Number(page.position), limit);
      case "after":
        return this.#from(Number(page.position) + 1, limit);
      case "around": {
        const index = this.find(page);
        // As the engine has it.
        if (index < 0) return this.#before(this.length, limit);
        return around(index);
      }
      case "at":
        return around(Math.min(this.#firstSince(page.time), this.length - 1));
      case "unread":
        return around(unread);
    }
  }

  #madeAs(key: MessageKey): number {
    const index = parseInt(key.id.slice(-12), 16);
    return index < this.#made && this.at(index).id === key.id ? index : -1;
  }

  /** The index of the first line of that time or later; the length if there is none. */
  #firstSince(time: Millis): number {
    let low = this.#first;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle).sent_at < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function fail(): never {
  throw new Error("no such line");
}
