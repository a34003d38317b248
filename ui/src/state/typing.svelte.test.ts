// Who is typing where, by what is heard of them.

import { afterEach, beforeEach, expect, it } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import type { Verbs } from "../backend/fake/verbs";
import type { World } from "../backend/fake/world";
import { startEvents, stopEvents } from "./events";
import { typing } from "./typing.svelte";

let world: World;
let verbs: Verbs;

beforeEach(async () => {
  const made = make("main", { still: true });
  ({ world, verbs } = made);
  useBackend(made.backend);
  typing.listen();
  await startEvents();
});
afterEach(stopEvents);

it("ends with the message that it announced, and nobody else's with it", () => {
  const chat = [...world.chats.values()].find(({ kind, members }) => kind === "group" && members.length > 3)!;
  const others = chat.members.filter(({ account }) => account !== world.account).slice(0, 2);
  const [first, second] = others.map(({ account }) => account);
  for (const { account } of others) verbs.types(chat.name, world.person(account).username);
  expect(typing.in(chat.id)).toEqual([first, second]);
  // The fake takes a typing mark back before its message: here it is on its way by another route.
  const { device, id } = world.write(chat, { account: second!, text: "hello" });
  world.tell({ event: "message", chat: chat.id, notify: false, account: second!, device, id });
  expect(typing.in(chat.id)).toEqual([first]);
  verbs.types(chat.name, world.person(first!).username, false);
  expect(typing.in(chat.id)).toEqual([]);
});
