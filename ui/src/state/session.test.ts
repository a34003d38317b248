import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import type { Start } from "../backend/types";
import { words } from "../i18n/index.svelte";
import { startEvents, stopEvents } from "./events";
import { navigation } from "./navigation.svelte";
import { roundTrips } from "./roundtrips.svelte";
import { session } from "./session.svelte";
import { reopen, start } from "./start";
import { toasts } from "./toasts.svelte";

async function open(scene: string, preferences = {}) {
  const made = make(scene, { still: true, preferences });
  useBackend(made.backend);
  await startEvents();
  await session.start();
  return made;
}

beforeEach(() => {
  session.me = null;
  session.connection = { state: "connecting" };
  session.catchUp = 0;
  roundTrips.clear();
});
afterEach(stopEvents);

test("the relay is called by the name its operator gave it", async () => {
  await open("list");
  await vi.waitFor(() => expect(session.relayName).toBe("Harbour relay"));
});

test("without an answer it is called by its host", async () => {
  await open("offline");
  expect(session.relayName).toBe("relay.harbour.example");
});

test("catching up counts from the most there was to come", async () => {
  const { verbs } = await open("list");
  verbs.goOnline(120);
  verbs.goOnline(20);
  expect(session.catchUp).toBe(120);
  verbs.goOnline(0);
  expect(session.catchUp).toBe(0);
});

test("the relay's round trip is the connection's, whether or not a chat goes by the relay", async () => {
  const { verbs, world } = await open("list");
  expect(roundTrips.of("relay")).toBe(41_000);
  verbs.goOffline();
  expect(roundTrips.of("relay")).toBeNull();
  world.relayRoundTrip = 90_000;
  verbs.goOnline();
  expect(roundTrips.of("relay")).toBe(90_000);
});

test("the theme and the language of the preferences are in force", async () => {
  await open("list", { theme: "dark", language: "ar" });
  expect(document.documentElement.dataset.theme).toBe("dark");
  expect(words.language).toBe("ar");
  await session.setPreferences({ theme: "light", language: "de" });
  expect(document.documentElement.dataset.theme).toBe("light");
  expect(words.language).toBe("de");
});

test("a preference that can't be kept is taken back", async () => {
  const { backend } = await open("list", { theme: "light" });
  const full = { code: "storage", message: "The disk is full." };
  vi.spyOn(backend, "setPreferences").mockRejectedValue(full);
  await expect(session.setPreferences({ theme: "dark" })).rejects.toEqual(full);
  expect(document.documentElement.dataset.theme).toBe("light");
});

test("signed out elsewhere, nobody is signed in any more", async () => {
  const { verbs } = await open("list");
  expect(session.signedIn).toBe(true);
  verbs.signOut("this device was revoked");
  expect(session.signedIn).toBe(false);
});

test("a backend that doesn't answer at all leaves no blank window", async () => {
  const { backend } = make("list");
  vi.spyOn(backend, "start").mockRejectedValue({ code: "storage", message: "The disk is full." });
  useBackend(backend);
  delete document.documentElement.dataset.theme;
  await start();
  expect(session.phase).toEqual({ phase: "broken", code: "storage", message: "The disk is full." });
  expect(document.documentElement.dataset.theme).toBeDefined();
});

test("what a person should know is said, in the engine's words if there are none", async () => {
  const { backend, world } = make("list", { still: true });
  useBackend(backend);
  await start();
  world.tell({ event: "notice", chat: null, code: "storage", message: "disk I/O error" });
  expect(toasts.all[0]?.text).toContain("Is the disk full?");
  world.tell({ event: "notice", chat: null, code: "from_the_future", message: "Look at this." });
  expect(toasts.all[0]?.text).toBe("Look at this.");
  world.tell({ event: "notice", chat: null, code: "disk_full", message: "" });
  expect(toasts.all[0]?.text).toBe("This disk is full. Nothing is lost; free some space and Parley goes on.");
});

test("the relay to offer is the one that the start names", async () => {
  const { backend } = make("start");
  const named = { ...(await backend.start()), relay: "https://relay.harbour.example" };
  vi.spyOn(backend, "start").mockResolvedValue(named);
  useBackend(backend);
  await startEvents();
  await session.start();
  expect(session.offered).toBe("https://relay.harbour.example");
});

test("a profile that can't be opened says so, and opens when it can", async () => {
  await open("broken");
  expect(session.phase).toMatchObject({ phase: "broken", code: "profile_in_use" });
  await session.reopen();
  expect(session.phase).toEqual({ phase: "ready" });
  expect(session.me?.username).toBe("Noor");
});

test("choices are kept in their order, and one that can't be kept takes no other back", async () => {
  const { backend } = await open("list", { theme: "light", zoom: 1 });
  const kept: number[] = [];
  let refuse: (why: unknown) => void = () => {};
  vi.spyOn(backend, "setPreferences")
    .mockImplementationOnce(() => new Promise((_, fail) => (refuse = fail)))
    .mockImplementation(async ({ zoom }) => void kept.push(zoom));
  const dark = session.setPreferences({ theme: "dark" });
  const larger = session.setPreferences({ zoom: 1.5 });
  await new Promise((then) => setTimeout(then));
  expect(kept).toEqual([]);
  refuse({ code: "storage", message: "The disk is full." });
  await expect(dark).rejects.toMatchObject({ code: "storage" });
  await larger;
  expect(kept).toEqual([1.5]);
  expect([session.preferences.theme, session.preferences.zoom]).toEqual(["light", 1.5]);
});

test("a link that the app was opened with is followed once the profile could be opened", async () => {
  const { backend } = make("list");
  const ready = await backend.start();
  const broken = { ...ready, state: "broken", code: "storage", message: "locked" } as unknown as Start;
  vi.spyOn(backend, "start").mockResolvedValue(broken);
  const link = "parley://join/relay.harbour.example/0f8fad5bd9cb469fa165708677289501";
  vi.spyOn(backend, "reopen").mockResolvedValue({ ...ready, link } as Start);
  useBackend(backend);
  await start();
  expect(session.phase.phase).toBe("broken");
  await reopen();
  expect(session.phase.phase).toBe("ready");
  expect(navigation.dialog).toEqual({ dialog: "open_invite", link });
});

test("chats that cannot be read after opening again are said, not waited for", async () => {
  const { backend } = make("list");
  useBackend(backend);
  await start();
  vi.spyOn(backend, "chats").mockRejectedValue({ code: "storage", message: "locked" });
  await reopen();
  expect(session.phase).toEqual({ phase: "broken", code: "storage", message: "locked" });
});
