// The part of the backend that concerns the window, the account, people and topics.

import type { Backend } from "../backend";
import type { DeviceView, Me, RelayInfo, Start, User } from "../types";
import { clock } from "../../state/clock.svelte";
import { id } from "./ids";
import type { People } from "./people";
import { type Person, refuse, type World } from "./world";

type WindowPart = Pick<
  Backend,
  | "start"
  | "subscribe"
  | "setPreferences"
  | "profiles"
  | "openProfile"
  | "reopen"
  | "openExternal"
  | "copy"
  | "paste"
  | "licences"
  | "setVisibleChat"
  | "quit"
>;

export function window_(world: World): WindowPart {
  const start = (): Start => {
    const base = { profile: "default", preferences: world.preferences, about: world.about };
    if (world.broken) return { state: "broken", code: world.broken.code, message: world.broken.message, ...base };
    return { state: "ready", me: world.me, connection: world.connection, relay: null, link: null, ...base };
  };
  return {
    start: async () => start(),
    subscribe: async (listener) => world.listen(listener),
    async setPreferences(preferences) {
      world.preferences = preferences;
    },
    async profiles() {
      const username = world.me?.username ?? null;
      return [
        { name: "default", username, current: true },
        { name: "work", username: "noor.haddad", current: false },
      ];
    },
    async openProfile(name) {
      if (!/^[\w-]{1,32}$/.test(name)) refuse("invalid", "A profile’s name has letters, digits, - and _.");
      world.opened.push(`profile:${name}`);
    },
    async reopen() {
      world.broken = null;
      return start();
    },
    async openExternal(url) {
      if (!/^(https?|mailto):/i.test(url)) refuse("invalid", "Parley opens only web and mail links.");
      world.opened.push(url);
    },
    async copy(text) {
      world.copied = text;
    },
    paste: async () => world.copied,
    async licences() {
      return "Inter\nSIL Open Font License 1.1\n\nSvelte\nMIT License\n";
    },
    async setVisibleChat(chat) {
      world.visibleChat = chat;
    },
    async quit() {
      world.opened.push("quit");
    },
  };
}

type AccountPart = Pick<
  Backend,
  | "me"
  | "connection"
  | "checkRelay"
  | "checkUsername"
  | "signUp"
  | "signIn"
  | "signOut"
  | "inKeychain"
  | "changePassword"
  | "deleteAccount"
  | "account"
  | "showPresence"
  | "devices"
  | "renameDevice"
  | "revokeDevice"
  | "settings"
  | "setSettings"
  | "setActivity"
  | "retryNow"
>;

const PASSWORD = "correct horse battery";

export function account(world: World, people: People): AccountPart {
  function enter(relay: string, username: string, device: string): Me {
    const known = [...world.people.values()].find((person) => person.username === username);
    world.me = { account: known?.id ?? id(username), username, device: id(`${username} device`), relay };
    world.connection = { state: "online", behind: 0, round_trip: 41_000 };
    const now = clock.now();
    const fresh = { id: world.device, name: device, created_at: now, last_seen: now };
    const others = world.devices.map((other): DeviceView => ({ ...other, current: false }));
    world.devices = [
      { ...fresh, online: true, signed_in: true, current: true, route: null, round_trip: null },
      ...others,
    ];
    world.tell({ event: "connection", ...world.connection });
    return world.me;
  }

  function takesNew({ registration }: RelayInfo, invite?: string) {
    if (registration === "closed") refuse("registration_closed", "This relay takes no new accounts.");
    if (registration === "invite" && !invite) refuse("registration_closed", "This relay needs an invite code.");
  }

  function isFree(username: string) {
    const taken = [...world.people.values()].some((person) => same(person.username, username));
    if (taken) refuse("name_taken", `${username} is taken on this relay. Choose another name.`);
  }

  function checkPassword(password: string) {
    if (password !== PASSWORD) refuse("wrong_credentials", "This password is not right.");
  }

  return {
    me: async () => world.me,
    connection: async () => world.connection,
    checkRelay: async (relay) => relayAt(world, relay),
    async checkUsername(relay, { username, invite }) {
      takesNew(relayAt(world, relay), invite);
      isFree(username);
    },
    async signUp(relay, { username, email, password, invite, device_name }) {
      const info = relayAt(world, relay);
      takesNew(info, invite);
      if (!email.includes("@")) refuse("invalid", "This is not an email address.");
      if (password.length < 8) refuse("invalid", "A password has 8 characters or more.");
      isFree(username);
      return enter(info.relay, username, device_name ?? "This computer");
    },
    async signIn(relay, { name, password, device_name }) {
      const info = relayAt(world, relay);
      checkPassword(password);
      return enter(info.relay, name.split("@")[0]!, device_name ?? "This computer");
    },
    async signOut() {
      world.me = null;
      world.connection = { state: "signed_out", reason: null };
      world.tell({ event: "connection", ...world.connection });
    },
    inKeychain: async () => true,
    async changePassword(current, next) {
      world.requireRelay();
      checkPassword(current);
      if (next.length < 8) refuse("invalid", "A password has 8 characters or more.");
    },
    async deleteAccount(password) {
      world.requireRelay();
      checkPassword(password);
      world.me = null;
      world.chats.clear();
      world.connection = { state: "signed_out", reason: null };
      world.tell({ event: "connection", ...world.connection });
    },
    async account() {
      world.requireRelay();
      const { account: own, username } = world.me ?? refuse("signed_out", "You are signed out.");
      const email = `${username.toLowerCase()}@harbour.example`;
      return { id: own, username, presence: "online", email, show_presence: world.showsPresence };
    },
    async showPresence(show) {
      world.requireRelay();
      world.showsPresence = show;
    },
    async devices() {
      world.requireRelay();
      return world.devices;
    },
    async renameDevice(device, name) {
      world.requireRelay();
      world.devices = world.devices.map((other) => (other.id === device ? { ...other, name } : other));
    },
    async revokeDevice(device) {
      world.requireRelay();
      world.devices = world.devices.filter((other) => other.id !== device);
    },
    settings: async () => world.settings,
    async setSettings(settings) {
      world.settings = settings;
    },
    async setActivity() {},
    async retryNow() {
      if (world.connection.state !== "offline") return;
      world.connection = { state: "connecting" };
      world.tell({ event: "connection", state: "connecting" });
      setTimeout(() => {
        world.connection = { state: "online", behind: 0, round_trip: 41_000 };
        world.tell({ event: "connection", state: "online", behind: 0, round_trip: 41_000 });
        people.deliverWaiting();
      }, 300);
    },
  };
}

function relayAt(world: World, address: string): RelayInfo {
  const whole = /^https?:\/\//.test(address) ? address : `https://${address}`;
  let host: string;
  try {
    host = new URL(whole).host;
  } catch {
    return refuse("invalid", "This is not the address of a relay.");
  }
  if (host === "broken.example") refuse("not_found", "What answers there is not a relay.");
  const known = /(^|\.)(harbour|closed|invite)\.example$|^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host);
  if (!known) refuse("unreachable", `Nothing answers at ${host}.`);
  if (world.connection.state === "offline") refuse("unreachable", "The relay can’t be reached.");
  const registration = host.startsWith("closed") ? "closed" : host.startsWith("invite") ? "invite" : "open";
  const name = host.endsWith("harbour.example") ? world.relayName : host;
  return {
    relay: `https://${host}`,
    name,
    version: "0.1.0",
    registration,
    retention: 30 * 86_400,
    history_retention: null,
  };
}

type PeoplePart = Pick<Backend, "findUsers" | "blocked" | "setBlocked">;

export function persons(world: World): PeoplePart {
  const user = (person: Person): User => ({
    id: person.id,
    username: person.username,
    presence: person.presence.state,
    ...(person.presence.last_seen !== null && { last_seen: person.presence.last_seen }),
  });
  return {
    async findUsers(query) {
      world.requireRelay();
      const wanted = query.trim().replace(/^@/, "").toLocaleLowerCase();
      if (!wanted) return [];
      return [...world.people.values()]
        .filter((person) => person.id !== world.account && person.username.toLocaleLowerCase().startsWith(wanted))
        .map(user);
    },
    async blocked() {
      return [...world.blocked].map((blocked) => user(world.person(blocked)));
    },
    async setBlocked(person, blocked) {
      if (blocked) world.blocked.add(person);
      else world.blocked.delete(person);
      for (const chat of world.chats.values()) {
        if (world.peer(chat)?.id === person) world.tell({ event: "chat", chat: chat.id });
      }
    },
  };
}

type TopicsPart = Pick<Backend, "subscriptions" | "subscribeTopics" | "unsubscribeTopics" | "publish">;

export function topics(world: World): TopicsPart {
  return {
    subscriptions: async () => [...world.topics],
    async subscribeTopics(patterns) {
      world.requireRelay();
      const wrong = patterns.find((pattern) => !/^[\w*>-]{1,64}(\.[\w*>-]{1,64})*$/u.test(pattern));
      if (wrong !== undefined) refuse("invalid", "A topic’s name has words with dots between them.");
      world.topics = [...new Set([...world.topics, ...patterns])];
    },
    async unsubscribeTopics(patterns) {
      world.topics = world.topics.filter((topic) => !patterns.includes(topic));
    },
    async publish(topic, data) {
      world.requireRelay();
      if (world.topics.includes(topic)) {
        world.tell({ event: "topic", topic, from: { account: world.account, device: world.device }, data });
      }
      return world.topics.includes(topic) ? 3 : 2;
    },
  };
}

function same(a: string, b: string): boolean {
  return a.toLocaleLowerCase() === b.toLocaleLowerCase();
}
