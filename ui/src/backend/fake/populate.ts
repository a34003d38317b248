// Builds the world from a cast.

import { clock } from "../../state/clock.svelte";
import type { MessageView } from "../types";
import type { Cast, CastChat, CastLine } from "./cast";
import { emptyChat } from "./chats";
import { id, tinted } from "./ids";
import { type Chat, type World } from "./world";

/** The scenes' moment: a Thursday afternoon, in the machine's own time zone. */
export const MOMENT = new Date(2025, 10, 20, 14, 33, 40).getTime();

/** So many days before the moment, at a time. */
export function at(day: number, time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return new Date(2025, 10, 20 - day, hours, minutes, 12).getTime();
}

export function populate(world: World, cast: Cast): void {
  const accounts = new Map<string, string>();
  world.relayName = cast.relay;
  world.me = {
    account: tinted("me", cast.me.tint),
    username: cast.me.name,
    device: id("my device"),
    relay: "https://relay.harbour.example",
  };
  accounts.set("me", world.me.account);
  for (const person of cast.people) {
    const account = tinted(person.key, person.tint);
    accounts.set(person.key, account);
    world.people.set(account, {
      id: account,
      username: person.name,
      device: id(`${person.key} device`),
      presence: { state: person.presence, last_seen: person.seen ? at(...person.seen) : null },
      route: person.route ?? "relay",
      roundTrip: person.roundTrip ?? null,
    });
  }
  for (const chat of cast.chats) add(world, accounts, chat);
  for (const { ...listed } of cast.listed) world.listed.push(bare(accounts, { ...listed, lines: [] }));
  world.topics = cast.topics.map(([topic]) => topic);
  world.topicsHeard = cast.topics;
  world.devices = [
    {
      id: world.me.device,
      name: "This laptop",
      created_at: at(160, "10:00"),
      last_seen: clock.now(),
      online: true,
      signed_in: true,
      current: true,
      program: "Debian GNU/Linux 12, Parley 0.1.0",
      route: null,
      round_trip: null,
    },
    {
      id: id("desktop"),
      name: "Desktop at home",
      created_at: at(90, "19:20"),
      last_seen: at(0, "13:02"),
      online: true,
      signed_in: true,
      current: false,
      program: "Windows, Parley 0.1.0",
      route: "lan",
      round_trip: 1_200,
    },
    {
      id: id("terminal"),
      name: "Terminal on the server",
      created_at: at(40, "08:15"),
      last_seen: at(12, "22:48"),
      online: false,
      signed_in: true,
      current: false,
      program: "Debian GNU/Linux 12, Parley (terminal) 0.1.0",
      route: "wait",
      round_trip: null,
    },
  ];
}

function bare(accounts: Map<string, string>, cast: CastChat): Chat {
  const chat = emptyChat(tinted(`${cast.key} chat`, cast.tint), cast.kind, cast.name);
  chat.description = cast.description ?? "";
  chat.members = cast.members.map((key) => ({
    account: accounts.get(key)!,
    role: key === cast.owner ? "owner" : cast.admins?.includes(key) ? "admin" : "member",
  }));
  chat.memberCount = cast.count ?? null;
  chat.pinned = cast.pinned ?? false;
  chat.archived = cast.archived ?? false;
  chat.mutedUntil = cast.muted ? Number.MAX_SAFE_INTEGER : null;
  chat.draft = cast.draft ?? "";
  chat.createdAt = at(200, "12:00");
  return chat;
}

function add(world: World, accounts: Map<string, string>, cast: CastChat): void {
  const chat = bare(accounts, cast);
  world.chats.set(chat.id, chat);
  for (const line of cast.lines) addLine(world, chat, line, accounts);
  let unread = cast.unread ?? 0;
  chat.unreadFrom = chat.log.length;
  while (unread > 0) {
    chat.unreadFrom -= 1;
    if (!chat.log.at(chat.unreadFrom).own) unread -= 1;
  }
}

function addLine(world: World, chat: Chat, line: CastLine, accounts: Map<string, string>): void {
  const own = line.who === "me";
  const account = accounts.get(line.who)!;
  const sent = at(line.day ?? 0, line.at);
  const quoted = line.reply === undefined ? null : chat.log.at(line.reply);
  const delivery: MessageView["delivery"] = !own
    ? { state: "received" }
    : line.state === "failed"
      ? { state: "failed", reason: line.reason ?? "" }
      : { state: line.state ?? "delivered" };
  if (line.keeps !== undefined) [chat.retention, chat.retentionSince] = [line.keeps, sent];
  world.write(chat, {
    ...(line.keeps !== undefined && { kind: "change", what: "retention_changed", subject: String(line.keeps) }),
    own,
    account,
    username: world.username(account),
    device: own ? world.device : world.person(account).device,
    text: line.text,
    deleted: line.deleted ?? false,
    sent_at: sent,
    received_at: sent,
    edited_at: line.edited ? sent + 60_000 : null,
    reply_to: quoted && { device: quoted.device, id: quoted.id, username: quoted.username, text: quoted.text },
    mentions: (line.mentions ?? []).map((key) => accounts.get(key)!),
    reactions: (line.reactions ?? []).map(([emoji, keys]) => ({
      emoji,
      accounts: keys.map((key) => accounts.get(key)!),
      own: keys.includes("me"),
    })),
    delivery,
    route: line.route ?? world.route(chat),
  });
}
