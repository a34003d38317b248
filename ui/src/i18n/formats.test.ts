import { beforeEach, describe, expect, test } from "vitest";
import { count, dayLine, duration, fullTime, lastSeen, listTime, moment, roundTrip, span, time } from "./formats";
import { words } from "./index.svelte";

const NOW = new Date(2025, 10, 20, 14, 33, 40).getTime();
const at = (month: number, day: number, hours: number, minutes: number, year = 2025) =>
  new Date(year, month - 1, day, hours, minutes).getTime();

beforeEach(() => words.use(["en-GB"]));

test("times in the list: today, yesterday, a weekday, a day, a day of another year", () => {
  expect(listTime(at(11, 20, 14, 31), NOW)).toBe("14:31");
  expect(listTime(at(11, 19, 23, 59), NOW)).toBe("Yesterday");
  expect(listTime(at(11, 18, 0, 1), NOW)).toBe("Tue");
  expect(listTime(at(11, 14, 12, 0), NOW)).toBe("Fri");
  expect(listTime(at(11, 13, 12, 0), NOW)).toBe("13 Nov");
  expect(listTime(at(11, 13, 12, 0, 2024), NOW)).toBe("13 Nov 2024");
});

test("a clock that runs ahead elsewhere still gives a time", () => {
  expect(listTime(NOW + 86_400_000, NOW)).toBe("14:33");
});

test("day lines", () => {
  expect(dayLine(at(11, 20, 0, 0), NOW)).toBe("Today");
  expect(dayLine(at(11, 19, 12, 0), NOW)).toBe("Yesterday");
  expect(dayLine(at(11, 18, 12, 0), NOW)).toBe("Tuesday 18 November");
  expect(dayLine(at(11, 18, 12, 0, 2023), NOW)).toMatch(/^Saturday,? 18 November 2023$/);
});

test("mornings in the list", () => {
  expect(listTime(at(11, 20, 9, 5), NOW)).toBe("9:05");
});

test("midnight parts the days, not twenty-four hours, also when the clocks change", () => {
  expect(dayLine(at(11, 19, 23, 59), at(11, 20, 0, 1))).toBe("Yesterday");
  expect(listTime(at(10, 25, 12, 0), at(10, 26, 12, 0))).toBe("Yesterday");
});

test("last seen, in words", () => {
  expect(lastSeen(at(11, 20, 13, 10), NOW)).toBe("Last seen 13:10");
  expect(lastSeen(at(11, 19, 19, 5), NOW)).toBe("Last seen yesterday 19:05");
  expect(lastSeen(at(11, 2, 16, 44), NOW)).toBe("Last seen 2 November");
});

test("a moment: today, a day, a day of another year", () => {
  expect(moment(at(11, 20, 14, 31), NOW)).toBe("14:31");
  expect(moment(at(11, 19, 14, 31), NOW)).toBe("19 Nov, 14:31");
  expect(moment(at(11, 19, 14, 31, 2024), NOW)).toBe("19 Nov 2024, 14:31");
});

test("the full time has the day and the seconds", () => {
  expect(fullTime(NOW)).toMatch(/Thursday.*20 November 2025.*14:33:40/);
});

describe("round trip", () => {
  test.each([
    [null, "—"],
    [0, "1 ms"],
    [2_100, "2 ms"],
    [40_600, "41 ms"],
    [999_600, "1,000 ms"],
    [1_240_000, "1.2 s"],
  ])("%s microseconds are %s", (micros, words) => {
    expect(roundTrip(micros)).toBe(words);
  });
});

test("counts end at 999+", () => {
  expect(count(28)).toBe("28");
  expect(count(999)).toBe("999");
  expect(count(1_000)).toBe("999+");
});

test("durations", () => {
  expect(duration(31 * 60_000)).toBe("31 min");
  expect(duration(5.5 * 3_600_000)).toBe("5 h");
  expect(duration(24 * 3_600_000)).toBe("1 day");
});

const DAY = 86_400;

test("lengths of time that somebody chose: whole years, or days and what is left of them", async () => {
  const chosen = [365 * DAY, 730 * DAY, 366 * DAY, 90 * DAY, DAY, 1.5 * DAY, 3_600, 5_430, 0];
  expect(chosen.map(span)).toEqual([
    "1 year",
    "2 years",
    "366 days",
    "90 days",
    "1 day",
    "1 day, 12 hours",
    "1 hour",
    "1 hour, 30 minutes, 30 seconds",
    "0 seconds",
  ]);
  await words.use(["de-DE"]);
  expect([365 * DAY, 90 * DAY, DAY].map(span)).toEqual(["1 Jahr", "90 Tage", "1 Tag"]);
  await words.use(["ar"]);
  expect([365 * DAY, 90 * DAY, 7 * DAY, DAY].map(span)).toEqual(["سنة", "90 يومًا", "7 أيام", "يوم"]);
});

test("English without a region has the day before the month, and a region its own order", async () => {
  const days = () => [listTime(at(11, 13, 12, 0), NOW), dayLine(at(11, 18, 12, 0), NOW)];
  await words.use(["en", "de-DE"]);
  expect(days()).toEqual(["13 Nov", "Tuesday 18 November"]);
  await words.use(["en", "en-US"]);
  expect(days()).toEqual(["Nov 13", "Tuesday, November 18"]);
});

test("in German and Arabic, with Latin digits", async () => {
  await words.use(["de-DE"]);
  expect(listTime(at(11, 18, 0, 1), NOW)).toBe("Di");
  expect(roundTrip(1_240_000)).toBe("1,2 s");
  await words.use(["ar", "en-GB"]);
  expect(words.dir).toBe("rtl");
  expect(document.documentElement.dir).toBe("rtl");
  expect(time(at(11, 20, 14, 31))).toBe("14:31");
  expect(duration(31 * 60_000)).toBe("31 دقيقة");
});
