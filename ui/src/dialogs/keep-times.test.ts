import { beforeEach, expect, test } from "vitest";
import { words } from "../i18n/index.svelte";
import { isShorter, kept, keepTimes } from "./keep-times";

const DAY = 86_400;

beforeEach(() => words.use(["en-GB"]));

test("what is offered, longest first", () => {
  expect(keepTimes(null).map(kept)).toEqual(["For ever", "1 year", "90 days", "30 days", "7 days", "1 day"]);
  expect(keepTimes(90 * DAY)).toEqual(keepTimes(null));
});

test("another time that was chosen elsewhere is offered too, in its place", () => {
  expect(
    keepTimes(14 * DAY)
      .map(kept)
      .slice(3, 6),
  ).toEqual(["30 days", "14 days", "7 days"]);
  expect(keepTimes(3_600).map(kept).at(-1)).toBe("1 hour");
});

test("every time is shorter than for ever", () => {
  expect(isShorter(365 * DAY, null)).toBe(true);
  expect(isShorter(null, DAY)).toBe(false);
  expect(isShorter(7 * DAY, 30 * DAY)).toBe(true);
  expect([isShorter(DAY, DAY), isShorter(null, null)]).toEqual([false, false]);
});
