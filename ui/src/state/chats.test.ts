// The chats follow what happens: gathered per frame, asked for again, sorted, counted.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import { make } from "../backend/fake";
import type { Verbs } from "../backend/fake/verbs";
import { chats } from "./chats.svelte";
import { clock } from "./clock.svelte";
import { startEvents, stopEvents } from "./events";
import { roundTrips } from "./roundtrips.svelte";

let backend: Backend;
let world: Verbs;

async function open(scene: string) {
  const made = make(scene, { still: true });
  backend = made.backend;
  world = made.verbs;
  useBackend(backend);
  chats.listen();
  await startEvents();
  await chats.load();
}

beforeEach(() => open("list"));

afterEach(() => {
  stopEvents();
  chats.clear();
});

const names = () => chats.shown.map((chat) => chat.name);
const named = (name: string) => chats.ordered.find((chat) => chat.name === name)!;

test("pinned ones first, then the newest; archived ones apart", () => {
  expect(names().slice(0, 4)).toEqual(["Mara", "Harbour Street 12", "Jonas", "bike-repair"]);
  expect(names()).not.toContain("Flea market in May");
  expect(chats.archived.map((chat) => chat.name)).toEqual(["Flea market in May"]);
});

test("a message moves its chat up", async () => {
  world.messageFrom("Yusuf", "Yusuf", "The train is late");
  await vi.waitFor(() => expect(names()[2]).toBe("Yusuf"));
  expect(named("Yusuf").unread).toBe(1);
});

test("a hundred messages in a burst are one question", async () => {
  const asked = vi.spyOn(backend, "chat");
  for (let n = 0; n < 100; n += 1) world.messageFrom("Yusuf", "Yusuf", `line ${n}`);
  await vi.waitFor(() => expect(named("Yusuf").unread).toBe(100));
  expect(asked.mock.calls.length).toBeLessThanOrEqual(3);
});

test("a route changes at once, without a question", async () => {
  const asked = vi.spyOn(backend, "chat");
  world.linkUp("Jonas", "turn", 88_000);
  expect(named("Jonas").route).toMatchObject({ route: "turn", round_trip: 88_000 });
  expect(asked).not.toHaveBeenCalled();
});

test("a round trip that is told once is not outvoted by those that were asked for before", async () => {
  const mara = named("Mara").id;
  for (let n = 0; n < 5; n += 1) await chats.refreshed(mara);
  expect(roundTrips.of(mara)).toBe(2_100);
  vi.useFakeTimers();
  clock.set(Date.now());
  world.linkUp("Mara", "lan", 60_000);
  vi.advanceTimersByTime(2_000);
  expect(roundTrips.of(mara)).toBe(60_000);
  clock.stop();
  vi.useRealTimers();
});

test("a chat that is gone leaves the list", async () => {
  await backend.deleteChat(named("Harbour Street 12").id);
  await vi.waitFor(() => expect(names()).not.toContain("Harbour Street 12"));
});

test("a chat that is new comes into it", async () => {
  const chat = await backend.newDirect("Harriet");
  await vi.waitFor(() => expect(chats.get(chat)?.name).toBe("Harriet"));
});

test("after missed events everything is asked for again", async () => {
  const all = vi.spyOn(backend, "chats");
  world.lag();
  await vi.waitFor(() => expect(all).toHaveBeenCalledOnce());
});

test("without the relay no presence is claimed, but over an open link it is", async () => {
  world.goOffline();
  await vi.waitFor(() => expect(named("Jonas").presence?.state).toBe("offline"));
  expect(named("Mara").presence?.state).toBe("online");
});

test("what changes while all chats are asked for is not undone by the answer", async () => {
  const mara = named("Mara");
  const all = backend.chats.bind(backend);
  vi.spyOn(backend, "chats").mockImplementationOnce(async () => {
    const views = await all();
    await backend.setDraft(mara.id, "newer");
    await vi.waitUntil(() => named("Mara").draft === "newer");
    return views;
  });
  await chats.load();
  await vi.waitUntil(() => named("Mara").draft === "newer");
});

test("the chats are asked for again after a failure nobody can be told of", async () => {
  const asked = vi.spyOn(backend, "chats").mockRejectedValueOnce({ code: "storage", message: "busy" });
  world.world.tell({ event: "lagged" });
  await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(2), 5_000);
});
