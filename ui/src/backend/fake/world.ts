// The world in memory: people, chats, what was written, and who listens. The parts of the backend read and change it; it
// tells the screen by events, as the engine does.

import { clock } from "../../state/clock.svelte";
import type {
  About,
  AccountId,
  ChatId,
  ChatKind,
  ChatStatus,
  ChatView,
  Connection,
  Delivery,
  DeviceView,
  Event,
  Failure,
  Invite,
  Me,
  MessageKey,
  MessageView,
  Millis,
  Preferences,
  PresenceView,
  Role,
  Route,
  Settings,
  ShowPresence,
} from "../types";
import { id } from "./ids";
import { Log } from "./log";

export interface Person {
  id: AccountId;
  username: string;
  device: string;
  presence: PresenceView;
  route: Route;
  roundTrip: number | null;
}

export interface Chat {
  id: ChatId;
  kind: ChatKind;
  name: string;
  description: string;
  status: ChatStatus;
  members: { account: AccountId; role: Role }[];
  /** More than are named, in large channels. */
  memberCount: number | null;
  log: Log;
  /** Index of the first line that was not read. */
  unreadFrom: number;
  mutedUntil: Millis | null;
  pinned: boolean;
  archived: boolean;
  /** Seconds for which its messages are kept. */
  retention: number | null;
  /** In direct chats and groups: what was said since then is. */
  retentionSince: Millis;
  draft: string;
  createdAt: Millis;
  invites: Invite[];
}

/** How many lines are looked through for quotes of one that is hidden. */
const QUOTED_AMONG = 500;
/** More lines that are gone at once are not told of each by itself. */
const TOLD_ONE_BY_ONE = 100;

export class World {
  me: Me | null = null;
  connection: Connection = { state: "online", behind: 0, round_trip: 41_000 };
  relayName = "Harbour relay";
  relayRoundTrip: number | null = 41_000;
  people = new Map<AccountId, Person>();
  chats = new Map<ChatId, Chat>();
  /** Public channels one is not in. */
  listed: Chat[] = [];
  topics: string[] = [];
  /** What was last heard of each, when the scene begins. */
  topicsHeard: [string, string][] = [];
  blocked = new Set<AccountId>();
  devices: DeviceView[] = [];
  showsPresence: ShowPresence = "everyone";
  settings: Settings = { direct_links: "everybody", read_marks: true, typing: true, hide_address: false };
  preferences: Preferences = {
    theme: "system",
    language: null,
    zoom: 1,
    enter_sends: true,
    notifications: true,
    notification_text: "name_and_text",
    close_to_tray: false,
    autostart: false,
  };
  about: About = {
    version: "0.1.0",
    platform: "browser",
    computer: null,
    languages: ["en-GB"],
    folder: "~/.local/share/parley/default",
    tray: true,
  };
  /** What the window was told, for tests. */
  visibleChat: ChatId | null = null;
  copied = "";
  opened: string[] = [];
  /** Whether the profile opens at all. */
  broken: Failure | null = null;
  /** Whether what is older than what is shown can't be read. */
  olderFails = false;
  /** People who answer by themselves. */
  lively = false;
  /** How long every call takes; `Infinity` never answers for chats. */
  delay = 0;

  #listeners = new Set<(event: Event) => void>();
  #made = 0;

  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: Event): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** The device one is on. */
  get device(): string {
    return this.me?.device ?? "";
  }

  get account(): AccountId {
    return this.me?.account ?? "";
  }

  person(account: AccountId): Person {
    return this.people.get(account) ?? refuse("not_found", "There is nobody with this name.");
  }

  named(username: string): Person {
    const wanted = username.trim().replace(/^@/, "").toLocaleLowerCase();
    const found = [...this.people.values()].find((person) => person.username.toLocaleLowerCase() === wanted);
    return found ?? refuse("not_found", `There is nobody called ${username.trim()} on this relay.`);
  }

  username(account: AccountId): string {
    return account === this.account ? (this.me?.username ?? "") : (this.people.get(account)?.username ?? "");
  }

  chat(chat: ChatId): Chat {
    return this.chats.get(chat) ?? refuse("not_found", "This chat is not on this device.");
  }

  peer(chat: Chat): Person | null {
    const other = chat.kind === "direct" && chat.members.find((member) => member.account !== this.account);
    return other ? (this.people.get(other.account) ?? null) : null;
  }

  requireRelay(): void {
    if (this.connection.state !== "online")
      refuse("unreachable", "The relay can’t be reached. Try again when it is back.");
  }

  /** Adds a line; the fields left out are those of a message of one's own, sent now. */
  write(chat: Chat, line: Partial<MessageView>): MessageView {
    this.#made += 1;
    const now = clock.now();
    return chat.log.add({
      kind: "text",
      device: this.device,
      id: id(`${chat.id} ${this.#made}`),
      chat: chat.id,
      account: this.account,
      username: this.me?.username ?? "",
      own: true,
      text: "",
      reply_to: null,
      mentions: [],
      sent_at: now,
      received_at: now,
      edited_at: null,
      deleted: false,
      reactions: [],
      delivery: { state: "waiting" },
      route: this.route(chat),
      ...line,
    } as Omit<MessageView, "position">);
  }

  change(chat: Chat, key: MessageKey, change: (line: MessageView) => Partial<MessageView>): MessageView {
    const index = chat.log.find(key);
    if (index < 0) refuse("not_found", "This message is not on this device.");
    const line = chat.log.at(index);
    const changed = { ...line, ...change(line) } as MessageView;
    chat.log.set(index, changed);
    this.tell({ event: "message_changed", chat: chat.id, device: key.device, id: key.id });
    return changed;
  }

  /** Shows a line no more, nor quotes it in the newest ones. */
  hide(chat: Chat, key: MessageKey): void {
    chat.log.hide(chat.log.find(key));
    for (let at = Math.max(chat.log.first, chat.log.length - QUOTED_AMONG); at < chat.log.length; at += 1) {
      const line = chat.log.at(at);
      if (line.reply_to?.id === key.id) chat.log.set(at, { ...line, reply_to: { ...key, username: "", text: "" } });
    }
    this.tell({ event: "message_changed", chat: chat.id, device: key.device, id: key.id });
    this.tell({ event: "chat", chat: chat.id });
  }

  /** From now on messages are kept for so many seconds, or for ever. */
  keep(chat: Chat, seconds: number | null): void {
    if (chat.retention === null && !chat.kind.endsWith("channel")) chat.retentionSince = clock.now();
    chat.retention = seconds;
  }

  /** Drops what is older than the chat is kept for; in direct chats and groups nothing as long as what was said before that is there. */
  expire(chat: Chat): void {
    const oldest = chat.log.slice(chat.log.first, chat.log.first + 1)[0];
    if (chat.retention === null || !oldest || oldest.sent_at < chat.retentionSince) return;
    this.forget(chat, clock.now() - chat.retention * 1000);
  }

  /** Drops what was sent before then. */
  forget(chat: Chat, before: Millis): void {
    const gone = chat.log.drop(before);
    if (gone.length > TOLD_ONE_BY_ONE) this.tell({ event: "lagged" });
    else for (const { device, id } of gone) this.tell({ event: "message_changed", chat: chat.id, device, id });
    this.tell({ event: "chat", chat: chat.id });
  }

  setDelivery(chat: Chat, key: MessageKey, delivery: Delivery): void {
    const hidden = delivery.state === "read" && !this.settings.read_marks;
    this.change(chat, key, () => ({ delivery: hidden ? { state: "delivered" } : delivery }));
    this.tell({ event: "marks", chat: chat.id });
  }

  route(chat: Chat): Route {
    const online = this.connection.state === "online";
    if (chat.kind === "private_channel" || chat.kind === "public_channel") return online ? "relay" : "wait";
    const peer = this.peer(chat);
    if (peer && isDirect(peer.route)) return peer.route;
    return online ? "relay" : "wait";
  }

  view(chat: Chat): ChatView {
    const peer = this.peer(chat);
    const route = this.route(chat);
    const others = chat.members.filter((member) => member.account !== this.account);
    const linked = others.filter((member) => isDirect(this.people.get(member.account)?.route ?? "relay"));
    const isChannel = chat.kind === "private_channel" || chat.kind === "public_channel";
    const unread = chat.log.slice(chat.unreadFrom, chat.log.length).filter((line) => !line.own && line.kind === "text");
    const last = chat.log.last();
    return {
      id: chat.id,
      kind: chat.kind,
      sealed: !isChannel,
      name: peer?.username ?? chat.name,
      description: chat.description,
      status: chat.status,
      role: chat.members.find((member) => member.account === this.account)?.role ?? null,
      peer: peer?.id ?? null,
      presence: peer && this.#presence(peer),
      member_count: chat.memberCount ?? chat.members.length,
      unread: unread.length,
      mentions: unread.filter((line) => line.mentions.includes(this.account)).length,
      muted_until: chat.mutedUntil,
      pinned: chat.pinned,
      archived: chat.archived,
      retention: chat.retention,
      blocked: peer !== null && this.blocked.has(peer.id),
      draft: chat.draft,
      last,
      last_at: last?.sent_at ?? chat.createdAt,
      route: {
        route,
        round_trip: route === "relay" ? this.relayRoundTrip : route === "wait" ? null : (peer?.roundTrip ?? null),
        since: clock.now() - 31 * 60_000,
        linked: isChannel ? 0 : linked.length,
        devices: isChannel ? 0 : others.length,
      },
    };
  }

  /** Only the relay, or an open link, vouches for presence. */
  #presence(peer: Person): PresenceView {
    if (this.connection.state === "online" || isDirect(peer.route)) return peer.presence;
    return { state: "offline", last_seen: peer.presence.last_seen };
  }
}

export function isDirect(route: Route): boolean {
  return route === "lan" || route === "direct" || route === "turn";
}

export function refuse(code: string, message: string): never {
  throw { code, message } satisfies Failure;
}
