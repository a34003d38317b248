// The window on a conversation's lines, over a backend that is nothing but a list of them.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { backend, useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import type { ChatId, Event, MessageKey, MessageView, Page } from "../backend/types";
import { startEvents, stopEvents } from "../state/events";
import { session } from "../state/session.svelte";
import { Timeline } from "./timeline.svelte";

const CHAT = "chat" as ChatId;

let log: { text: string; position: number }[];
let tell: (event: Event) => void;
let timeline: Timeline;

const view = ({ text, position }: (typeof log)[number]) =>
  ({ chat: CHAT, device: "d", id: text, text, position: String(position), kind: "text", own: false }) as MessageView;
const texts = () => timeline.lines.map(({ text }) => text);

function page(page: Page, limit: number): MessageView[] {
  const ordered = [...log].sort((one, other) => one.position - other.position);
  if (page.page === "after")
    return ordered
      .filter(({ position }) => position > Number(page.position))
      .slice(0, limit)
      .map(view);
  const end = page.page === "before" ? Number(page.position) : Infinity;
  return ordered
    .filter(({ position }) => position < end)
    .slice(-limit)
    .map(view);
}

beforeEach(async () => {
  log = ["a", "b", "c", "d", "e"].map((text, at) => ({ text, position: 10 * at }));
  const known = ({ id }: MessageKey) => view(log.find(({ text }) => text === id)!);
  const told = (listener: typeof tell) => {
    tell = listener;
    return Promise.resolve(() => undefined);
  };
  useBackend({
    history: (_: ChatId, which: Page, limit: number) => Promise.resolve(page(which, limit)),
    message: (_: ChatId, key: MessageKey) => Promise.resolve(known(key)),
    subscribe: told,
  } as unknown as Backend);
  await startEvents();
  timeline = new Timeline(CHAT, false);
  await timeline.show({ page: "newest" });
});

afterEach(() => {
  timeline.end();
  stopEvents();
});

it("shows lines where they stand once a restored relay was given them back", async () => {
  expect(texts()).toEqual(["a", "b", "c", "d", "e"]);
  log[1]!.position = 35;
  tell({ event: "moved", chat: "another" as ChatId });
  tell({ event: "moved", chat: CHAT });
  await vi.waitFor(() => expect(texts()).toEqual(["a", "c", "d", "b", "e"]));
});

it("shows the first line of all no longer at the top once it stands elsewhere", async () => {
  log[0]!.position = 45;
  tell({ event: "moved", chat: CHAT });
  await vi.waitFor(() => expect(texts()).toEqual(["b", "c", "d", "e", "a"]));
});

it("finds what stands before its first line now when older ones are asked for", async () => {
  await timeline.older();
  expect(timeline.atStart).toBe(true);
  log[3]!.position = -5;
  tell({ event: "moved", chat: CHAT });
  await vi.waitFor(() => expect(texts()).toEqual(["a", "b", "c", "e"]));
  await timeline.older();
  expect(texts()).toEqual(["d", "a", "b", "c", "e"]);
  expect(timeline.atStart).toBe(true);
});

it("shows what happened while it was asked for what to show", async () => {
  for (const expected of [false, true]) {
    timeline.end();
    timeline = new Timeline(CHAT, false);
    const asked = vi.spyOn(backend(), "history");
    if (expected) timeline.expect({ page: "newest" });
    const showing = timeline.show({ page: "newest" });
    expect(asked).toHaveBeenCalledTimes(1);
    // What was read is without it.
    const text = `late ${expected}`;
    log.push({ text, position: 10 * log.length });
    tell({ event: "message", chat: CHAT, device: "d", id: text } as Event);
    await showing;
    await vi.waitFor(() => expect(texts().at(-1)).toBe(text));
    vi.restoreAllMocks();
  }
});

it("asks anew where something else is shown than was expected", async () => {
  timeline.end();
  timeline = new Timeline(CHAT, false);
  timeline.expect({ page: "newest" });
  const asked = vi.spyOn(backend(), "history");
  await timeline.show({ page: "before", position: "20" });
  expect(asked).toHaveBeenCalledTimes(1);
  expect(texts()).toEqual(["a", "b"]);
});

it("looks again at what it read while somebody scrolled on", async () => {
  timeline.end();
  for (let n = 5; n < 100; n += 1) log.push({ text: `${n}`, position: 10 * n });
  timeline = new Timeline(CHAT, false);
  await timeline.show({ page: "before", position: "500" });
  const { history } = backend();
  let go = () => {};
  const held = new Promise<void>((then) => (go = then));
  const slow = vi.spyOn(backend(), "history").mockImplementationOnce(async (...asked) => {
    const lines = await history(...asked);
    await held;
    return lines;
  });
  // It asks for all that is held, and the answer takes its time.
  tell({ event: "moved", chat: CHAT });
  await vi.waitFor(() => expect(slow).toHaveBeenCalled());
  while (!timeline.atEnd) await timeline.newer();
  go();
  await vi.waitFor(() => expect(slow.mock.calls.length).toBeGreaterThan(2));
  await new Promise((then) => setTimeout(then, 50));
  expect(texts().at(-1)).toBe("99");
  vi.restoreAllMocks();
});

it("tries again what could not be read, with whatever happens next", async () => {
  const failing = vi.spyOn(backend(), "history").mockRejectedValueOnce({ code: "storage", message: "busy" });
  log.push({ text: "f", position: 50 });
  tell({ event: "message", chat: CHAT, device: "d", id: "f" } as Event);
  await vi.waitFor(() => expect(timeline.failed?.code).toBe("storage"));
  expect(texts()).not.toContain("f");
  tell({ event: "message_changed", chat: CHAT, device: "d", id: "a" } as Event);
  await vi.waitFor(() => expect(texts()).toContain("f"));
  failing.mockRestore();
});

it("counts what came below, but for what one wrote on another device", async () => {
  session.me = { account: "me", username: "me", device: "here", relay: "r" };
  await timeline.show({ page: "before", position: "20" });
  for (const [id, account] of [
    ["f", "someone"],
    ["g", "me"],
    ["h", "someone"],
  ] as const) {
    log.push({ text: id, position: 10 * log.length });
    tell({ event: "message", chat: CHAT, account, device: "d", id } as Event);
  }
  expect(timeline.fresh).toBe(2);
  session.me = null;
});

it("stays where it is if what is asked for is not here", async () => {
  expect(await timeline.show({ page: "before", position: "20" }, (lines) => lines.length > 5)).toBe(false);
  expect(texts()).toEqual(["a", "b", "c", "d", "e"]);
});
