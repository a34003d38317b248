// The moments one can look at: `?scene=…`. Each starts from the main one and changes what it is about.

import { clock } from "../../state/clock.svelte";
import type { MessageView } from "../types";
import { ARABIC, ENGLISH } from "./cast";
import { emptyChat } from "./chats";
import { HOSTILE, HOSTILE_NAMES } from "./hostile";
import { id, random } from "./ids";
import { Log } from "./log";
import type { People } from "./people";
import { at, MOMENT, populate } from "./populate";
import type { Chat, World } from "./world";

export interface Scene {
  /** The chat that is open, by name; null for none. */
  open: string | null;
  /** What happens once the screen has its chats. */
  then?: (world: World, people: People) => void;
}

export type SceneName = keyof typeof SCENES;

const SCENES = {
  main: (world: World): Scene => {
    chatNamed(world, "Mara").draft = "If it stays under 7 m/s we leave at nine, and have lunch on the island";
    return { open: "Mara", then: (_, people) => keepTyping(world, people, "Mara") };
  },
  list: (): Scene => ({ open: null, then: (world, people) => keepTyping(world, people, "Mara") }),
  rtl: (world: World): Scene => {
    world.preferences = { ...world.preferences, language: "ar" };
    return { open: "مريم", then: (_, people) => keepTyping(world, people, "مريم") };
  },
  group: (): Scene => ({ open: "Harbour Street 12" }),
  channel: (): Scene => ({ open: "bike-repair" }),
  failed: (world: World): Scene => {
    caughtUp(world, "Mara");
    return { open: "Tomasz" };
  },
  empty: (world: World): Scene => {
    world.chats.clear();
    world.topics = [];
    return { open: null };
  },
  loading: (world: World): Scene => {
    world.delay = Infinity;
    world.connection = { state: "online", behind: 3_870, round_trip: 41_000 };
    setTimeout(
      () => world.tell({ event: "connection", state: "online", behind: 3_870 - 1_204, round_trip: 41_000 }),
      50,
    );
    return { open: null };
  },
  offline: (world: World): Scene => {
    caughtUp(world, "Mara");
    const jonas = chatNamed(world, "Jonas");
    world.peer(jonas)!.presence = { state: "offline", last_seen: at(0, "13:10") };
    jonas.draft = "";
    const write = (time: string, text: string, state: "sent" | "waiting") =>
      world.write(jonas, {
        text,
        sent_at: at(0, time),
        delivery: { state },
        route: state === "sent" ? "relay" : "wait",
      });
    write("14:20", "Ladder is on the trailer", "sent");
    write("14:36", "The list: Mara’s sloop, the two dinghies, Ben’s kayak, and the launch if she starts", "waiting");
    write("14:38", "And the pump runs again, no more bailing", "waiting");
    jonas.unreadFrom = jonas.log.length;
    clock.freeze(at(0, "14:38") + 20_000);
    world.connection = { state: "offline", reason: "The relay does not answer.", retry_at: clock.now() + 8_000 };
    return { open: "Jonas" };
  },
  start: (world: World): Scene => {
    world.me = null;
    world.chats.clear();
    world.connection = { state: "signed_out", reason: null };
    return { open: null };
  },
  revoked: (world: World): Scene => ({
    open: "Mara",
    then: () => signOut(world, "This device was removed from another one of yours."),
  }),
  incompatible: (world: World): Scene => {
    caughtUp(world, "Mara");
    world.connection = { state: "incompatible", reason: "The relay speaks version 3, this Parley speaks 1 and 2." };
    return { open: null };
  },
  broken: (world: World): Scene => {
    world.broken = { code: "profile_in_use", message: "Another process has this profile open." };
    return { open: null };
  },
  hostile: (world: World): Scene => {
    const chat = chatNamed(world, "Mara");
    const mara = world.peer(chat)!;
    HOSTILE.forEach((text, index) => {
      const own = index % 5 === 4;
      const sent = at(0, "14:00") + index * 1000;
      const from = own ? {} : { own, account: mara.id, username: mara.username, device: mara.device };
      world.write(chat, {
        ...from,
        text,
        sent_at: sent,
        received_at: sent,
        delivery: { state: own ? "sent" : "received" },
      });
    });
    HOSTILE_NAMES.forEach((name, index) => addGroup(world, `hostile ${index}`, name, HOSTILE[index % HOSTILE.length]!));
    chat.unreadFrom = chat.log.length;
    return { open: "Mara" };
  },
  big: (world: World): Scene => {
    addBig(world, 100_000);
    return { open: "A hundred thousand" };
  },
  many: (world: World): Scene => {
    for (let index = 0; index < 3_000; index += 1)
      addGroup(world, `group ${index}`, `Group ${index + 1}`, "Nothing new");
    return { open: null };
  },
} satisfies Record<string, (world: World) => Scene>;

/** Fills the world with a scene; the main one for a name that there is not. */
export function setScene(world: World, name: string): Scene {
  clock.set(MOMENT);
  const chosen: SceneName = Object.hasOwn(SCENES, name) ? (name as SceneName) : "main";
  populate(world, chosen === "rtl" ? ARABIC : ENGLISH);
  return SCENES[chosen](world);
}

export function chatNamed(world: World, name: string): Chat {
  const found = [...world.chats.values()].find((chat) => chat.name === name);
  if (!found) throw new Error(`there is no chat ${name}`);
  return found;
}

export function signOut(world: World, reason: string | null): void {
  world.me = null;
  world.connection = { state: "signed_out", reason };
  world.tell({ event: "connection", state: "signed_out", reason });
}

/** Everything in it is read, and what was on its way has come. */
function caughtUp(world: World, name: string): void {
  const chat = chatNamed(world, name);
  chat.unreadFrom = chat.log.length;
  const index = chat.log.length - 1;
  chat.log.set(index, { ...chat.log.at(index), delivery: { state: "delivered" } });
}

/** Somebody who types for as long as the scene is looked at. */
function keepTyping(world: World, people: People, name: string): void {
  const chat = chatNamed(world, name);
  const peer = world.peer(chat)!;
  people.type(chat, peer.id, true);
  const again = setInterval(() => {
    if (chat.log.last()?.account === peer.id) clearInterval(again);
    else people.type(chat, peer.id, true);
  }, 4_000);
}

function addGroup(world: World, key: string, name: string, text: string): void {
  const chat = emptyChat(id(key), "group", name);
  const ben = world.named("Ben");
  chat.members = [
    { account: world.account, role: "owner" },
    { account: ben.id, role: "member" },
  ];
  chat.createdAt = at(30, "12:00");
  world.chats.set(chat.id, chat);
  const from = { own: false, account: ben.id, username: ben.username, device: ben.device };
  const sent = at(20 + (world.chats.size % 200), "09:30");
  world.write(chat, { ...from, text, sent_at: sent, received_at: sent, delivery: { state: "received" } });
  chat.unreadFrom = chat.log.length;
}

const WORDS =
  "the wind turns at noon and we row back past the old pier with two buckets of mussels for everybody".split(" ");

/** A group with so many messages, made when they are looked at. */
function addBig(world: World, count: number): void {
  const members = ["Ben", "Ines", "Lena", "Olga"].map((name) => world.named(name));
  const chat = emptyChat(id("big"), "group", "A hundred thousand");
  chat.members = [
    { account: world.account, role: "owner" },
    ...members.map(({ id }) => ({ account: id, role: "member" as const })),
  ];
  const start = at(900, "08:00");
  const step = (MOMENT - 3_600_000 - start) / count;

  const make = (index: number): MessageView => {
    const chance = random(`line ${index}`);
    const sender = members[Math.floor(chance() * 5)];
    const length = 2 + Math.floor(chance() ** 3 * 70);
    const from = Math.floor(chance() * WORDS.length);
    const text = Array.from({ length }, (_, word) => WORDS[(from + word) % WORDS.length]).join(" ");
    const sent = Math.round(start + index * step);
    return {
      kind: "text",
      chat: chat.id,
      device: sender?.device ?? world.device,
      id: `00000000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`,
      position: String(index),
      account: sender?.id ?? world.account,
      username: sender?.username ?? world.me!.username,
      own: !sender,
      text: `${index + 1}: ${text}`,
      reply_to: null,
      mentions: [],
      sent_at: sent,
      received_at: sent,
      edited_at: null,
      deleted: false,
      reactions: chance() < 0.03 ? [{ emoji: "👍", accounts: [members[0]!.id], own: false }] : [],
      delivery: sender ? { state: "received" } : { state: "read" },
      route: "relay",
    };
  };
  chat.log = new Log(count, make);
  chat.unreadFrom = count - 40;
  world.chats.set(chat.id, chat);
}
