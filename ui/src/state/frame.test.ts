import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { afterPaint, perFrame, sparingly } from "./frame";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("does what comes alone at once, and what comes in a burst once a frame", async () => {
  const work = vi.fn();
  const ask = perFrame(work);
  ask();
  await Promise.resolve();
  expect(work).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 1_000; n += 1) ask();
  await Promise.resolve();
  expect(work).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(20);
  expect(work).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(work).toHaveBeenCalledTimes(2);
  ask();
  await Promise.resolve();
  expect(work).toHaveBeenCalledTimes(3);
});

it("goes on in a window that paints no frames", async () => {
  vi.stubGlobal("requestAnimationFrame", () => 1);
  const [work, then] = [vi.fn(), vi.fn()];
  const ask = perFrame(work);
  ask();
  ask();
  afterPaint(then);
  await vi.advanceTimersByTimeAsync(200);
  expect(work).toHaveBeenCalledTimes(2);
  expect(then).toHaveBeenCalledTimes(1);
  vi.unstubAllGlobals();
});

it("is called off before the frame and after it", async () => {
  const then = vi.fn();
  afterPaint(then)();
  await vi.advanceTimersByTimeAsync(200);
  const off = afterPaint(then);
  vi.advanceTimersToNextFrame();
  off();
  await vi.advanceTimersByTimeAsync(200);
  expect(then).not.toHaveBeenCalled();
});

it("does what is asked for sparingly: soon, then once in a while", async () => {
  const work = vi.fn();
  const { ask, end } = sparingly(work, 1_000);
  for (let n = 0; n < 5; n += 1) ask();
  await vi.advanceTimersByTimeAsync(0);
  expect(work).toHaveBeenCalledTimes(1);
  ask();
  await vi.advanceTimersByTimeAsync(900);
  expect(work).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(work).toHaveBeenCalledTimes(2);
  ask();
  end();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(work).toHaveBeenCalledTimes(2);
});
