// Times, days, counts and round trips as a person reads them. Everything takes `now` and a locale from its caller or the
// runes, so that the same moment is always written the same way.

import { t, words } from "./index.svelte";
import { numbers, once } from "./message";

const DAY = 86_400_000;
const made = new Map<Intl.DateTimeFormatOptions, Map<string, Intl.DateTimeFormat>>();

/** Making a formatter costs far more than using it. Options are known by themselves, so they have to be constants. */
function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  let byLocale = made.get(options);
  if (!byLocale) made.set(options, (byLocale = new Map()));
  let found = byLocale.get(words.locale);
  if (!found) byLocale.set(words.locale, (found = new Intl.DateTimeFormat(words.locale, options)));
  return found;
}

const TIME = { hour: "numeric", minute: "2-digit" } as const;
const WEEKDAY = { weekday: "short" } as const;
const FULL = { dateStyle: "full", timeStyle: "medium" } as const;
const MOMENTS = [
  { day: "numeric", month: "short", ...TIME },
  { day: "numeric", month: "short", year: "numeric", ...TIME },
] as const;
const DAY_LINE = { weekday: "long", day: "numeric", month: "long" } as const;
const DAY_LINE_WITH_YEAR = { ...DAY_LINE, year: "numeric" } as const;
const DATES = {
  short: [
    { day: "numeric", month: "short" },
    { day: "numeric", month: "short", year: "numeric" },
  ],
  long: [
    { day: "numeric", month: "long" },
    { day: "numeric", month: "long", year: "numeric" },
  ],
} as const;

const unit = (name: string) =>
  once((locale) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" }));
const YEAR = { seconds: 365 * 86_400, written: unit("year") };
const UNITS = [
  { seconds: 86_400, written: unit("day") },
  { seconds: 3_600, written: unit("hour") },
  { seconds: 60, written: unit("minute") },
  { seconds: 1, written: unit("second") },
];
const lists = once((locale) => new Intl.ListFormat(locale, { type: "unit" }));

/** How many midnights lie between two moments; 0 is the same day, positive is in the past. */
export function daysBetween(at: number, now: number): number {
  const midnight = (ms: number) => {
    const date = new Date(ms);
    return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  };
  return Math.round((midnight(now) - midnight(at)) / DAY);
}

/** In a bubble: `14:31`. */
export function time(at: number): string {
  return formatter(TIME).format(at);
}

/** In the list: `14:31`, `Yesterday`, `Tue`, `13 Nov`, `13 Nov 2024`. */
export function listTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return time(at);
  if (days === 1) return t("common.yesterday");
  if (days <= 6) return formatter(WEEKDAY).format(at);
  return dayAndMonth(at, now, "short");
}

/** On a day line: `Today`, `Yesterday`, `Tuesday 18 November`. */
export function dayLine(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0) return t("common.today");
  if (days === 1) return t("common.yesterday");
  return formatter(sameYear(at, now) ? DAY_LINE : DAY_LINE_WITH_YEAR).format(at);
}

/** A day within a sentence: `2 November`, with the year if it is another one. */
export function day(at: number, now: number): string {
  return dayAndMonth(at, now, "long");
}

/** Of a fact beside others: `14:31`, `13 Nov, 14:31`, `13 Nov 2024, 14:31`. */
export function moment(at: number, now: number): string {
  if (daysBetween(at, now) === 0) return time(at);
  return formatter(MOMENTS[sameYear(at, now) ? 0 : 1]).format(at);
}

/** On hover: the full date, with seconds. */
export function fullTime(at: number): string {
  return formatter(FULL).format(at);
}

/** `Last seen 13:10`, `Last seen yesterday 19:05`, `Last seen 2 November`. */
export function lastSeen(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return t("common.last_seen", { when: time(at) });
  if (days === 1) return t("common.last_seen_yesterday", { time: time(at) });
  return t("common.last_seen", { when: day(at, now) });
}

/** How long ago: `31 min`, `5 h`, `3 days`. */
export function duration(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return t("common.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("common.hours", { n: hours });
  return t("common.days", { n: Math.floor(hours / 24) });
}

/** A length of time that somebody chose, in seconds: `1 year`, `90 days`, `1 day, 12 hours`. */
export function span(seconds: number): string {
  const units = seconds > 0 && seconds % YEAR.seconds === 0 ? [YEAR] : UNITS;
  let left = seconds;
  const parts = units.flatMap(({ seconds: one, written }) => {
    const n = Math.floor(left / one);
    left -= n * one;
    return n > 0 || (seconds < 1 && one === 1) ? [written(words.locale).format(n)] : [];
  });
  return lists(words.locale).format(parts);
}

/** From microseconds: whole milliseconds, `1.2 s` above a thousand, `—` while unknown, never 0. */
export function roundTrip(micros: number | null): string {
  if (micros === null) return t("common.unknown");
  const ms = Math.max(1, Math.round(micros / 1000));
  if (ms <= 1000) return t("common.milliseconds", { n: number(ms) });
  const seconds = new Intl.NumberFormat(words.locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return t("common.seconds", { n: seconds.format(ms / 1000) });
}

/** On a badge: `999+` at most. */
export function count(n: number): string {
  return n > 999 ? `${number(999)}+` : number(n);
}

export function number(n: number): string {
  return numbers(words.locale).format(n);
}

function sameYear(at: number, now: number): boolean {
  return new Date(at).getFullYear() === new Date(now).getFullYear();
}

function dayAndMonth(at: number, now: number, month: "short" | "long"): string {
  return formatter(DATES[month][sameYear(at, now) ? 0 : 1]).format(at);
}
