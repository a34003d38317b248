// What a test or a curious developer can make happen: `parley.goOffline()` in the console of the fake build.

import { clock } from "../../state/clock.svelte";
import type { Route } from "../types";
import type { People } from "./people";
import { chatNamed, signOut } from "./scenes";
import type { World } from "./world";

export function verbs(world: World, people: People) {
  const routeOf = (name: string, route: Route, roundTrip: number | null) => {
    const chat = chatNamed(world, name);
    const peer = world.peer(chat);
    if (!peer) throw new Error(`${name} is not a direct chat`);
    peer.route = route;
    peer.roundTrip = roundTrip;
    world.tell({ event: "route", chat: chat.id, ...world.view(chat).route });
    people.deliverWaiting();
  };
  const routesChanged = () => {
    for (const chat of world.chats.values()) world.tell({ event: "route", chat: chat.id, ...world.view(chat).route });
  };

  return {
    world,
    goOffline(retryIn = 8) {
      world.connection = {
        state: "offline",
        reason: "The relay does not answer.",
        retry_at: clock.now() + retryIn * 1000,
      };
      world.tell({ event: "connection", ...world.connection });
      routesChanged();
    },
    goOnline(behind = 0) {
      world.connection = { state: "online", behind, round_trip: world.relayRoundTrip };
      world.tell({ event: "connection", ...world.connection });
      routesChanged();
      people.deliverWaiting();
    },
    linkUp: (chat: string, route: Route = "direct", roundTrip = 24_000) => routeOf(chat, route, roundTrip),
    linkDown: (chat: string) => routeOf(chat, "relay", null),
    messageFrom(chat: string, who: string, text: string) {
      people.write(chatNamed(world, chat), world.named(who).id, text);
    },
    types: (chat: string, who: string, on = true) => people.type(chatNamed(world, chat), world.named(who).id, on),
    reads: (chat: string) => people.read(chatNamed(world, chat)),
    comes(who: string, state: "online" | "away" | "offline") {
      const person = world.named(who);
      person.presence = { state, last_seen: clock.now() };
      world.tell({ event: "presence", account: person.id });
    },
    topic(topic: string, data: string) {
      world.tell({ event: "topic", topic, from: { account: world.account, device: world.device }, data });
    },
    olderFails: (fails = true) => void (world.olderFails = fails),
    action: (action: string) => world.tell({ event: "action", action }),
    openLink: (link: string) => world.tell({ event: "open_link", link }),
    openChat: (chat: string) => world.tell({ event: "open_chat", chat: chatNamed(world, chat).id, key: null }),
    signOut: (reason: string | null = null) => signOut(world, reason),
    stop: (message = "The engine has ended.") => world.tell({ event: "stopped", message }),
    lag: () => world.tell({ event: "lagged" }),
  };
}

export type Verbs = ReturnType<typeof verbs>;
