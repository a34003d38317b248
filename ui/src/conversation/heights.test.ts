import { expect, it } from "vitest";
import { anchorAt, Heights, heirOf, rangeOf, rowAt, scrollFor, topsOf } from "./heights";

const keys = Array.from({ length: 1000 }, (_, index) => `d/${String(index)}`);

function measured(height: (index: number) => number): Heights {
  const heights = new Heights();
  keys.forEach((key, index) => heights.set(key, height(index)));
  return heights;
}

it("finds the rows that a viewport needs, and no more", () => {
  const tops = topsOf(
    keys,
    measured((index) => 20 + (index % 7) * 10),
  );
  const range = rangeOf(tops, 10_000, 700, 300);
  expect(tops[range.from]).toBeLessThanOrEqual(9_700);
  expect(tops[range.from + 1]).toBeGreaterThan(9_700);
  expect(tops[range.to]).toBeGreaterThanOrEqual(11_000);
  expect(range.to - range.from).toBeLessThan(40);
  expect(rangeOf([0], 0, 700, 300)).toEqual({ from: 0, to: 0 });
  expect(rowAt(tops, -50)).toBe(0);
  expect(rowAt(tops, 1e9)).toBe(999);
});

it("keeps what is in sight where it is when rows come in front and turn out taller than guessed", () => {
  const heights = measured(() => 40);
  const before = topsOf(keys, heights);
  const anchor = anchorAt(keys, before, 4_010, 700, () => true);
  expect(anchor).toEqual({ at: "row", key: "d/100", offset: -10 });
  const more = [...Array.from({ length: 80 }, (_, index) => `older/${String(index)}`), ...keys];
  expect(scrollFor(anchor, more, topsOf(more, heights), 700)).toBe(4_010 + 80 * 40);
  more.slice(0, 80).forEach((key) => heights.set(key, 100));
  expect(scrollFor(anchor, more, topsOf(more, heights), 700)).toBe(4_010 + 80 * 100);
});

it("stays at the end when it is there, and not when a row above it holds the place", () => {
  const heights = measured(() => 40);
  const tops = topsOf(keys, heights);
  expect(anchorAt(keys, tops, 40_000 - 700, 700, () => true)).toEqual({ at: "end" });
  const longer = [...keys, "d/new"];
  expect(scrollFor({ at: "end" }, longer, topsOf(longer, heights), 700)).toBe(40_040 - 700);
  expect(anchorAt(keys, tops, 20_000, 700, () => true).at).toBe("row");
});

it("passes over rows that come and go, and says when its row is gone", () => {
  const tops = topsOf(
    keys,
    measured(() => 40),
  );
  expect(anchorAt(keys, tops, 4_000, 700, (key) => key !== "d/100")).toEqual({ at: "row", key: "d/101", offset: 40 });
  expect(scrollFor({ at: "row", key: "gone", offset: 0 }, keys, tops, 700)).toBeNull();
});

it("guesses by what it has measured, and forgets what is no longer held", () => {
  const heights = new Heights();
  expect(heights.guess).toBe(44);
  expect(heights.set("a", 100)).toBe(true);
  expect(heights.set("a", 100)).toBe(false);
  heights.set("b", 50);
  expect(heights.guess).toBe(75);
  heights.keepOnly(new Set(["b"]));
  expect(heights.guess).toBe(50);
  expect(heights.size).toBe(1);
  heights.clear();
  expect(heights.has("b")).toBe(false);
});

it("hands the place of a row that is gone to the next one that is left, below it first", () => {
  const tops = topsOf(
    keys,
    measured(() => 40),
  );
  const anchor = { at: "row", key: "d/500", offset: 12 } as const;
  const heir = (isHeld: (at: number) => boolean) => heirOf(anchor, keys, tops, (key) => isHeld(Number(key.slice(2))));
  expect(heir((at) => at >= 500)).toEqual(anchor);
  expect(heir((at) => at >= 503)).toEqual({ at: "row", key: "d/503", offset: 12 + 3 * 40 });
  expect(heir((at) => at < 498)).toEqual({ at: "row", key: "d/497", offset: 12 - 3 * 40 });
  expect(heir(() => false)).toEqual(anchor);
  expect(heirOf({ at: "end" }, keys, tops, () => false)).toEqual({ at: "end" });
});
