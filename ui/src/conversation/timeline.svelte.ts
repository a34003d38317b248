// The lines of one conversation that are in memory: a window on its history, some hundred lines long, which moves as one
// reads. Events only say what changed; the views are asked for again, gathered per frame.

import { backend, failure } from "../backend";
import type { ChatId, Event, Failure, MessageKey, MessageView, Page } from "../backend/types";
import { onEvent } from "../state/events";
import { perFrame } from "../state/frame";
import { session } from "../state/session.svelte";
import { keyOf } from "./rows";

/** How many lines are asked for at once. */
export const PAGE = 80;
/** How many lines are held at most. */
export const HELD = 320;
/** More changed messages than this in one frame, and the whole window is asked for again. */
const ONE_BY_ONE = 12;

export class Timeline {
  readonly chat: ChatId;
  lines = $state.raw<readonly MessageView[]>([]);
  /** Whether the first line held is the first of the conversation. */
  atStart = $state(false);
  /** Whether the last line held is the last of the conversation. */
  atEnd = $state(false);
  loaded = $state(false);
  failed = $state.raw<Failure | null>(null);
  /** Whether older lines were asked for and did not come. */
  olderFailed = $state(false);
  /** The first message that was unread when the chat was opened. */
  unreadFrom = $state<string | null>(null);
  /** Messages that came since the end was last in sight. */
  fresh = $state(0);

  #sealed: boolean;
  #busy = false;
  #ended = false;
  #generation = 0;
  #changed = new Map<string, MessageKey>();
  #grown = false;
  #stale = false;
  /** The first part to show, on its way already. */
  #expected: { page: string; lines: Promise<MessageView[]> } | null = null;
  /** Something happened since the part to show was asked for: that may have been read before. */
  #missed = false;
  #end: () => void;
  #flush = perFrame(() => void this.#catchUp());

  constructor(chat: ChatId, sealed: boolean) {
    this.chat = chat;
    this.#sealed = sealed;
    this.#end = onEvent((event) => this.#happened(event));
  }

  end(): void {
    this.#ended = true;
    this.#end();
  }

  has(key: MessageKey): boolean {
    const wanted = keyOf(key);
    return this.lines.some((line) => keyOf(line) === wanted);
  }

  /** Asks for what is going to be shown first, while the rest of the conversation is still being made. */
  expect(page: Page): void {
    this.#expected = { page: JSON.stringify(page), lines: this.#ask(page) };
    // Whoever shows it says so.
    this.#expected.lines.catch(() => undefined);
  }

  #ask(page: Page): Promise<MessageView[]> {
    const expected = this.#expected;
    this.#expected = null;
    if (expected?.page === JSON.stringify(page)) return expected.lines;
    this.#missed = false;
    return backend().history(this.chat, page, PAGE);
  }

  /** Shows another part of the conversation. `place` is called with its lines just before they show, and may refuse them. */
  async show(page: Page, place: (lines: readonly MessageView[]) => boolean = () => true): Promise<boolean> {
    const generation = ++this.#generation;
    this.failed = null;
    this.olderFailed = false;
    try {
      const lines = await this.#ask(page);
      if (this.#ended || generation !== this.#generation) return false;
      const newest = page.page === "newest";
      if (!place(lines)) return false;
      this.lines = lines;
      this.atEnd = newest;
      this.atStart = newest && lines.length < PAGE;
      this.loaded = true;
      if (newest) this.fresh = 0;
      if (this.#missed) {
        this.#stale = true;
        this.#grown = true;
        this.#flush();
      }
      return true;
    } catch (thrown) {
      if (!this.#ended && generation === this.#generation) this.failed = failure(thrown);
      return false;
    }
  }

  /** Finds the first unread message, before which the list draws its line. */
  async findUnread(): Promise<MessageView | null> {
    try {
      const [first] = await backend().history(this.chat, { page: "unread" }, 1);
      if (this.#ended || !first) return null;
      this.unreadFrom = keyOf(first);
      return first;
    } catch (thrown) {
      this.failed = failure(thrown);
      return null;
    }
  }

  /** Adds older lines in front; drops what is then too far behind. */
  older(): Promise<void> {
    const first = this.lines[0];
    if (this.atStart || !first) return Promise.resolve();
    return this.#page({ page: "before", position: first.position }, (found) => {
      if (found.length < PAGE) this.atStart = true;
      this.olderFailed = false;
      const lines = [...found, ...this.lines];
      if (lines.length > HELD) this.atEnd = false;
      this.lines = lines.slice(0, HELD);
    });
  }

  /** Adds newer lines behind; drops what is then too far in front. */
  newer(): Promise<void> {
    const last = this.lines.at(-1);
    if (this.atEnd || !last) return Promise.resolve();
    return this.#page({ page: "after", position: last.position }, (found) => {
      if (found.length < PAGE) this.atEnd = true;
      this.#append(found);
    });
  }

  /** Asks for what has come behind the last line. */
  async grow(): Promise<void> {
    const last = this.lines.at(-1);
    if (!this.loaded || !this.atEnd) return;
    if (!last) {
      await this.show({ page: "newest" });
      return;
    }
    const generation = this.#generation;
    const found = await backend().history(this.chat, { page: "after", position: last.position }, PAGE);
    if (this.#ended || generation !== this.#generation || !this.atEnd) return;
    const news = found.filter((line) => !this.has(line));
    if (news.length === 0) return;
    if (found.length >= PAGE) this.atEnd = false;
    this.#append(found);
    this.fresh += news.filter((line) => !line.own && line.kind === "text").length;
  }

  #append(found: MessageView[]): void {
    if (found.length === 0) return;
    const known = new Set(found.map(keyOf));
    const lines = [...this.lines.filter((line) => !known.has(keyOf(line))), ...found];
    if (lines.length > HELD) this.atStart = false;
    this.lines = lines.slice(-HELD);
  }

  async #page(page: Page, take: (found: MessageView[]) => void): Promise<void> {
    if (this.#busy || !this.loaded) return;
    this.#busy = true;
    const generation = this.#generation;
    try {
      const found = await backend().history(this.chat, page, PAGE);
      if (!this.#ended && generation === this.#generation) {
        take(found);
        this.failed = null;
      }
    } catch (thrown) {
      if (this.#ended || generation !== this.#generation) return;
      this.failed = failure(thrown);
      if (page.page === "before") this.olderFailed = true;
    } finally {
      this.#busy = false;
    }
  }

  #happened(event: Event): void {
    switch (event.event) {
      case "message":
        if (event.chat !== this.chat) return;
        // What one wrote on another device is nothing new.
        if (!this.atEnd && event.account !== session.me?.account) this.fresh += 1;
        this.#grown = true;
        this.#changed.set(keyOf(event), { device: event.device, id: event.id });
        break;
      case "message_changed":
        if (event.chat !== this.chat) return;
        this.#changed.set(keyOf(event), { device: event.device, id: event.id });
        break;
      case "marks":
        if (event.chat !== this.chat || !this.lines.some((line) => line.own && line.delivery.state !== "read")) return;
        this.#stale = true;
        break;
      case "moved":
        if (event.chat !== this.chat) return;
        // Some may stand before the first one now.
        this.atStart = false;
        this.#stale = true;
        this.#grown = true;
        break;
      case "chat":
        if (event.chat !== this.chat) return;
        this.#grown = true;
        break;
      case "connection":
        // Older history of a channel is the relay's: what seemed the start may not be it.
        if (event.state === "online" && !this.#sealed) this.atStart = false;
        return;
      case "lagged":
        this.#stale = true;
        this.#grown = true;
        break;
      default:
        return;
    }
    this.#missed = true;
    this.#flush();
  }

  async #catchUp(): Promise<void> {
    if (this.#ended || !this.loaded) return;
    const [changed, grown, stale] = [this.#changed, this.#grown, this.#stale];
    this.#changed = new Map();
    this.#grown = false;
    this.#stale = false;
    const had = this.lines.length > 0;
    try {
      const end = this.atEnd;
      // What comes with `grow` comes as it is now.
      const held = new Set(this.lines.map(keyOf));
      for (const line of this.lines)
        if (line.reply_to && changed.has(keyOf(line.reply_to)))
          changed.set(keyOf(line), { device: line.device, id: line.id });
      const inSight = [...changed].filter(([key]) => held.has(key));
      if (grown) await this.grow();
      // A message that came late stands where it was sent, not at the end.
      const amiss = end && grown && [...changed.values()].some((key) => !this.has(key));
      if (stale || amiss || inSight.length > ONE_BY_ONE) await this.#again();
      else await Promise.all(inSight.map(([, key]) => this.#one(key)));
      // Whether anything came before what is gone is not known from here.
      if (had && this.lines.length === 0) await this.show({ page: "newest" });
    } catch (thrown) {
      this.failed = failure(thrown);
      // With the next event it is tried again.
      for (const [key, one] of changed) this.#changed.set(key, one);
      this.#grown ||= grown;
      this.#stale ||= stale;
    }
  }

  /** Asks for one line again. */
  async #one(key: MessageKey): Promise<void> {
    const wanted = keyOf(key);
    try {
      const line = await backend().message(this.chat, key);
      this.lines = this.lines.map((old) => (keyOf(old) === wanted ? line : old));
    } catch (thrown) {
      if (failure(thrown).code !== "not_found") throw thrown;
      this.lines = this.lines.filter((old) => keyOf(old) !== wanted);
    }
  }

  /** Asks for the whole window again. */
  async #again(): Promise<void> {
    const before = this.lines;
    const first = before[0];
    if (!first) return;
    const generation = this.#generation;
    const limit = Math.min(500, this.lines.length + (this.atEnd ? PAGE : 0));
    const [top, rest] = await Promise.all([
      backend()
        .message(this.chat, first)
        .catch(() => null),
      backend().history(this.chat, { page: "after", position: first.position }, limit),
    ]);
    if (this.#ended || generation !== this.#generation) return;
    if (this.lines !== before) {
      // Somebody scrolled on meanwhile: what was read is not what is held.
      this.#stale = true;
      this.#flush();
      return;
    }
    // If it stands elsewhere now, it is among the rest or out of sight.
    const lines = top?.position === first.position ? [top, ...rest] : rest;
    this.lines = lines.slice(0, Math.max(HELD, this.lines.length));
  }
}
