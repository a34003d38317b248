// One open conversation: its lines, what is answered, edited, chosen and searched in it, and what can be done to a message.
// The components beneath `Conversation.svelte` share it.

import { SvelteSet } from "svelte/reactivity";
import { backend, failure } from "../backend";
import type { ChatId, ChatView, MemberView, MessageKey, MessageView } from "../backend/types";
import { t } from "../i18n/index.svelte";
import { attempt } from "../state/actions";
import { begunIn, keepBegun, type Begun } from "../state/begun";
import { clock } from "../state/clock.svelte";
import { onEvent } from "../state/events";
import { sparingly } from "../state/frame";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import { toasts } from "../state/toasts.svelte";
import type { Anchor } from "../design/place";
import { rememberEmoji } from "./emoji";
import { plain } from "./links";
import type { Person } from "./mentions";
import { around, placeIn } from "./places";
import { keyOf } from "./rows";
import { Timeline } from "./timeline.svelte";

/** What hangs over the conversation now. */
export type Over =
  | { over: "menu"; line: MessageView; at: Anchor }
  | { over: "reactions"; line: MessageView; at: Anchor }
  | { over: "emoji"; line: MessageView; at: Anchor }
  | { over: "forward"; lines: MessageView[] }
  | { over: "details"; line: MessageView }
  | { over: "delete"; lines: MessageView[] }
  | { over: "link"; href: string }
  | { over: "date" };

/** Between two looks at who is in the chat, in milliseconds. */
const MEMBERS_PAUSE = 1_000;

export class Talk {
  readonly id: ChatId;
  readonly timeline: Timeline;
  /** When it was opened. */
  readonly since = clock.now();
  members = $state.raw<readonly MemberView[]>([]);
  over = $state.raw<Over | null>(null);
  /** Messages whose whole text was asked for. */
  expanded = new SvelteSet<string>();
  selecting = $state(false);
  selected = new SvelteSet<string>();
  /** The message that the keyboard stands on. */
  active = $state<string | null>(null);
  /** The message that was jumped to, for as long as it is lit. */
  flash = $state<string | null>(null);
  searching = $state(false);
  /** What the search begins with. */
  searchWords = $state("");
  /** The words that are marked in the messages. */
  marks = $state.raw<readonly string[]>([]);
  /** Set by the list. */
  jump: (line: { device: string; id: string }) => void = () => undefined;
  jumpToDay: (time: number) => void = () => undefined;
  toEnd: () => void = () => undefined;
  /** The element with the messages. Set by the list. */
  list: HTMLElement | null = null;
  /** Where one writes, while one can. Set by the composer. */
  field: HTMLElement | null = null;

  #begun = $state.raw<Begun | null>(null);
  replyTo = $derived(this.#begun?.begun === "reply" ? this.#begun.line : null);
  editing = $derived(this.#begun?.begun === "edit" ? this.#begun.line : null);
  people = $derived<readonly Person[]>(this.members);
  /** The other members, for completion. */
  others = $derived<readonly Person[]>(this.members.filter((member) => member.account !== session.me?.account));

  /** The first unread message as the chat is opened, if there is one. */
  readonly unread: Promise<MessageView | null> | null;
  /** A channel may have thousands. */
  #membersAgain = sparingly(() => void this.loadMembers(), MEMBERS_PAUSE);
  #membersTurn = 0;
  #end: () => void;

  constructor(chat: ChatView) {
    this.id = chat.id;
    this.timeline = new Timeline(chat.id, chat.sealed);
    this.unread = chat.unread > 0 ? this.timeline.findUnread() : null;
    const place = placeIn(chat.id);
    if (!navigation.target && (place || !this.unread)) this.timeline.expect(place ? around(place) : { page: "newest" });
    this.#end = onEvent((event) => {
      if ((event.event === "chat" && event.chat === this.id) || event.event === "lagged") this.#membersAgain.ask();
      if (event.event === "message_changed" && event.chat === this.id) this.#changed(event);
    });
    void this.loadMembers();
    this.#begun = begunIn(chat.id);
    if (this.#begun) void this.#stillThere(this.#begun.line);
  }

  end(): void {
    this.#end();
    this.#membersAgain.end();
    this.timeline.end();
  }

  async loadMembers(): Promise<void> {
    const turn = ++this.#membersTurn;
    try {
      const members = await backend().members(this.id);
      if (turn === this.#membersTurn) this.members = members;
    } catch {
      // Names then stay as the messages have them, and nothing is completed.
    }
  }

  /** How somebody is called, from what is at hand. */
  nameOf(account: string): string {
    const member = this.members.find((one) => one.account === account);
    const line = member ? null : this.timeline.lines.find((one) => one.account === account);
    return plain(member?.username ?? line?.username ?? "") || t("conversation.somebody");
  }

  /** Puts the focus where one writes; where one can't, on the messages. */
  focusComposer(): void {
    (this.field ?? this.list)?.focus();
  }

  reply(line: MessageView): void {
    this.#begin({ begun: "reply", line });
    this.focusComposer();
  }

  edit(line: MessageView): void {
    this.#begin({ begun: "edit", line, text: line.text });
    this.focusComposer();
  }

  /** What stands in the field now; null if nothing is edited. */
  get edited(): string | null {
    return this.#begun?.begun === "edit" ? this.#begun.text : null;
  }

  /** Another text stands in the field. */
  rewrite(text: string): void {
    if (this.#begun?.begun === "edit") this.#begin({ ...this.#begun, text });
  }

  /** Answers and edits no longer. */
  leaveOff(): void {
    this.#begin(null);
  }

  #begin(begun: Begun | null): void {
    this.#begun = begun;
    keepBegun(this.id, begun);
  }

  /** What is answered may be gone. An edit stays, with what was written for it; whoever saves it is told. */
  #changed(key: MessageKey): void {
    if (this.replyTo && keyOf(this.replyTo) === keyOf(key)) void this.#stillThere(this.replyTo);
  }

  /** What was begun before may be about a message that is gone by now. */
  async #stillThere(line: MessageView): Promise<void> {
    const gone = await backend()
      .message(this.id, pick(line))
      .then(
        (now) => now.deleted,
        (thrown: unknown) => failure(thrown).code === "not_found",
      );
    if (gone && this.#begun?.line === line) this.leaveOff();
  }

  react(line: MessageView, emoji: string): void {
    const on = !line.reactions.some((reaction) => reaction.own && reaction.emoji === emoji);
    if (on) rememberEmoji(emoji);
    void attempt(() => backend().react(this.id, pick(line), emoji, on));
  }

  retry(line: MessageView): void {
    void attempt(() => backend().retry(this.id, pick(line)));
  }

  async copy(lines: readonly MessageView[]): Promise<void> {
    const text =
      lines.length === 1 ? (lines[0]?.text ?? "") : lines.map((line) => `${line.username}: ${line.text}`).join("\n");
    if (await attempt(() => backend().copy(text))) toasts.show(t("common.copied"));
  }

  async copyLink(href: string): Promise<void> {
    if (await attempt(() => backend().copy(href))) toasts.show(t("common.copied"));
  }

  /** Opens a link outside; one that pretends to be another only after it was shown. */
  open(href: string, forged: boolean): void {
    if (forged) this.over = { over: "link", href };
    else void attempt(() => backend().openExternal(href));
  }

  async remove(lines: readonly MessageView[]): Promise<void> {
    await attempt(async () => {
      for (const line of lines) await backend().delete(this.id, pick(line));
    });
    this.stopSelecting();
  }

  /** Takes messages off this person's devices; who stood on one of them stands in the list. */
  async hide(lines: readonly MessageView[]): Promise<void> {
    await attempt(() => backend().hide(this.id, lines.map(pick)));
    this.stopSelecting();
    this.list?.focus();
  }

  searchFor(words: string): void {
    this.searchWords = words;
    this.searching = true;
  }

  select(line: MessageView): void {
    this.selecting = true;
    const key = keyOf(line);
    if (this.selected.has(key)) this.selected.delete(key);
    else this.selected.add(key);
    if (this.selected.size === 0) this.selecting = false;
  }

  stopSelecting(): void {
    this.selecting = false;
    this.selected.clear();
  }

  /** The chosen messages that are still held, in order. */
  chosen(): MessageView[] {
    return this.timeline.lines.filter((line) => this.selected.has(keyOf(line)));
  }
}

function pick({ device, id }: { device: string; id: string }): { device: string; id: string } {
  return { device, id };
}

/** Whether somebody may take a message back. */
export function mayDelete(line: MessageView, chat: ChatView): boolean {
  if (line.kind !== "text" || line.deleted || chat.status !== "active") return false;
  return line.own;
}

/** Whether somebody may take a message off their own devices: not one that has yet to go out. */
export function mayHide(line: MessageView): boolean {
  return line.kind === "text" && line.delivery.state !== "waiting" && line.delivery.state !== "failed";
}

/** Whether somebody may do away with messages, all of them in one way: for everyone or off their own devices. */
export function mayRemove(lines: readonly MessageView[], chat: ChatView): boolean {
  if (lines.length === 0) return false;
  return lines.every((line) => mayDelete(line, chat)) || lines.every(mayHide);
}

export function mayEdit(line: MessageView, chat: ChatView): boolean {
  return line.kind === "text" && line.own && !line.deleted && chat.status === "active" && !chat.blocked;
}

/** Whether one can write here at all. */
export function mayWrite(chat: ChatView): boolean {
  return chat.status === "active" && !chat.blocked;
}

/** How long a message must be on its way before it shows as waiting. */
export const QUICK_SEND = 1_000;

/** Whether it has just been sent here, while the chat was open. */
export function isJustSent(line: MessageView, since: number): boolean {
  if (!line.own || line.kind !== "text" || line.device !== session.me?.device) return false;
  return line.sent_at >= since && clock.now() - line.sent_at < QUICK_SEND;
}

export function isLate(line: MessageView): boolean {
  return line.own && line.delivery.state === "waiting" && clock.now() - line.sent_at >= QUICK_SEND;
}
