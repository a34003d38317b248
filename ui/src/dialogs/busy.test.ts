import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Busy } from "./busy.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("shows nothing for what is quick", async () => {
  const busy = new Busy();
  const done = busy.run(() => new Promise((resolve) => setTimeout(resolve, 150)));
  await vi.advanceTimersByTimeAsync(150);
  await done;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([busy.on, busy.shown]).toEqual([false, false]);
});

it("says so after 200 ms, and does it once however often it is pressed", async () => {
  const busy = new Busy();
  const work = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 500)));
  const first = busy.run(work);
  const second = busy.run(work);
  await vi.advanceTimersByTimeAsync(250);
  expect(busy.shown).toBe(true);
  await vi.advanceTimersByTimeAsync(500);
  await Promise.all([first, second]);
  expect(work).toHaveBeenCalledTimes(1);
  expect(busy.shown).toBe(false);
});

it("ends with what failed, too", async () => {
  const busy = new Busy();
  await expect(busy.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(busy.on).toBe(false);
});
