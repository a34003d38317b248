import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { tauri } from "./tauri";
import type { Event } from "./types";

const link = (link: string): Event => ({ event: "open_link", link });

let asked: ((events: Event[] | null) => void)[];
let failed: ((why: unknown) => void)[];
let reported: unknown[];

vi.mock("@tauri-apps/api/core", () => ({
  invoke: (command: string) =>
    command === "next_events"
      ? new Promise((answer, fail) => (asked.push(answer), failed.push(fail)))
      : Promise.resolve(),
}));

/** The shell answers with this, once it was asked. */
async function tell(events: Event[] | null) {
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  asked.shift()!(events);
}

beforeEach(() => {
  [asked, failed, reported] = [[], [], []];
  vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("asks for what happens next until another page listens", async () => {
  const heard: Event[] = [];
  await tauri.subscribe((event) => heard.push(event));
  await tell([link("a"), link("b")]);
  await tell([]);
  await tell([link("c")]);
  await tell(null);
  await vi.waitFor(() => expect(heard).toEqual([link("a"), link("b"), link("c")]));
  expect(asked).toHaveLength(0);
});

it("goes on after a listener that failed", async () => {
  const heard: Event[] = [];
  await tauri.subscribe((event) => {
    if (heard.push(event) === 1) throw new Error("no");
  });
  await tell([link("a"), link("b")]);
  await tell([link("c")]);
  await vi.waitFor(() => expect(heard).toHaveLength(3));
  expect(reported).toEqual([new Error("no")]);
});

it("tells nothing more to who has stopped", async () => {
  const heard: Event[] = [];
  const stop = await tauri.subscribe((event) => heard.push(event));
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  stop();
  await tell([link("a")]);
  await new Promise((later) => setTimeout(later));
  expect([heard, asked]).toEqual([[], []]);
});

it("goes on where it could not be told what happened, and says that something was missed", async () => {
  vi.useFakeTimers();
  const heard: Event[] = [];
  await tauri.subscribe((event) => heard.push(event));
  await vi.waitFor(() => expect(failed).toHaveLength(1));
  failed.shift()!(new Error("no such command now"));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(heard).toEqual([{ event: "lagged" }]);
  asked.pop()!([link("a")]);
  await vi.advanceTimersByTimeAsync(0);
  expect(heard.at(-1)).toEqual(link("a"));
  vi.useRealTimers();
});
