import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { clock } from "./clock.svelte";
import { roundTrips } from "./roundtrips.svelte";

beforeEach(() => {
  vi.useFakeTimers();
  clock.set(Date.now());
});
afterEach(() => {
  roundTrips.clear();
  clock.stop();
  vi.useRealTimers();
});

it("repaints no sooner than two seconds later, then without another figure", () => {
  for (const figure of [41_000, 90_000, 90_000, 90_000]) roundTrips.take("relay", "relay", figure);
  expect(roundTrips.of("relay")).toBe(41_000);
  vi.advanceTimersByTime(1_900);
  expect(roundTrips.of("relay")).toBe(41_000);
  vi.advanceTimersByTime(200);
  expect(roundTrips.of("relay")).toBe(90_000);
});

it("leaves what changed by less than a fifth", () => {
  roundTrips.take("relay", "relay", 41_000);
  for (let n = 0; n < 5; n += 1) roundTrips.take("relay", "relay", 45_000);
  vi.advanceTimersByTime(10_000);
  expect(roundTrips.of("relay")).toBe(41_000);
});

it("begins anew with a figure that was told because it is quite another, and repaints no sooner for it", () => {
  for (let n = 0; n < 5; n += 1) roundTrips.take("relay", "relay", 200_000);
  roundTrips.begin("relay", "relay", 41_000);
  expect(roundTrips.of("relay")).toBe(200_000);
  vi.advanceTimersByTime(2_000);
  expect(roundTrips.of("relay")).toBe(41_000);
});

it("shows the figure of another route, and that there is none, at once", () => {
  roundTrips.take("a chat", "relay", 41_000);
  roundTrips.take("a chat", "lan", 2_000);
  expect(roundTrips.of("a chat")).toBe(2_000);
  roundTrips.take("a chat", "lan", null);
  expect(roundTrips.of("a chat")).toBeNull();
});
