import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import { make } from "../backend/fake";
import type { RelayInfo } from "../backend/types";
import { RelayCheck } from "./relay-check.svelte";

const answers = new Map<string, { give: (info: RelayInfo) => void; refuse: (failure: unknown) => void }>();
const asked: string[] = [];

function info(relay: string): RelayInfo {
  return { relay, name: relay, version: "0.1.0", registration: "open", retention: 86_400, history_retention: null };
}

beforeEach(() => {
  vi.useFakeTimers();
  answers.clear();
  asked.length = 0;
  const checkRelay = (relay: string) =>
    new Promise<RelayInfo>((give, refuse) => {
      asked.push(relay);
      answers.set(relay, { give, refuse });
    });
  useBackend({ ...make().backend, checkRelay } satisfies Backend);
});

afterEach(() => void vi.useRealTimers());

it("asks once somebody stops typing, and a paste at once", async () => {
  const check = new RelayCheck();
  check.typed("relay.a.exampl");
  await vi.advanceTimersByTimeAsync(200);
  check.typed("relay.a.example");
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(500);
  expect(asked).toEqual(["https://relay.a.example"]);
  check.typed("relay.b.example", true);
  expect(asked).toEqual(["https://relay.a.example", "https://relay.b.example"]);
});

it("drops an answer that comes after another address was typed", async () => {
  const check = new RelayCheck();
  check.typed("relay.a.example", true);
  check.typed("relay.b.example", true);
  answers.get("https://relay.b.example")!.give(info("B"));
  await vi.advanceTimersByTimeAsync(0);
  answers.get("https://relay.a.example")!.give(info("A"));
  await vi.advanceTimersByTimeAsync(0);
  expect(check.answer).toMatchObject({ state: "found", info: { name: "B" } });
});

it("doesn't ask a relay again that has answered, but one that has failed", async () => {
  const check = new RelayCheck();
  check.typed("relay.a.example", true);
  answers.get("https://relay.a.example")!.refuse({ code: "unreachable", message: "nothing there" });
  await vi.advanceTimersByTimeAsync(0);
  expect(check.answer).toMatchObject({ state: "failed", failure: { code: "unreachable" } });
  const again = check.ask();
  answers.get("https://relay.a.example")!.give(info("A"));
  expect(await again).toMatchObject({ name: "A" });
  expect(await check.ask()).toMatchObject({ name: "A" });
  expect(asked).toHaveLength(2);
});

it("forgets what was found when the address is taken away", async () => {
  const check = new RelayCheck();
  check.typed("relay.a.example", true);
  answers.get("https://relay.a.example")!.give(info("A"));
  await vi.advanceTimersByTimeAsync(0);
  check.typed("");
  expect(check.answer).toEqual({ state: "none" });
  expect(await check.ask()).toBeNull();
});
