// For how long a chat can be muted, and how that is said.

import type { Millis } from "../backend/types";
import { day, daysBetween, time } from "../i18n/formats";
import { t, type Key } from "../i18n/index.svelte";

const HOUR = 3_600_000;

export const MUTE_TIMES: { label: Key; lasts: number | "forever" }[] = [
  { label: "dialogs.mute_hour", lasts: HOUR },
  { label: "dialogs.mute_hours", lasts: 8 * HOUR },
  { label: "dialogs.mute_week", lasts: 7 * 24 * HOUR },
  { label: "dialogs.mute_forever", lasts: "forever" },
];

/** What is further away than this is not a time that somebody chose. */
const FOREVER = 10 * 366 * 24 * HOUR;

/** `Until 18:30`, `Until 28 November`, `Until you unmute it`. */
export function until(at: Millis, now: Millis): string {
  if (at - now > FOREVER) return t("settings.muted_for_ever");
  return t("settings.muted_until", { when: daysBetween(at, now) === 0 ? time(at) : `${day(at, now)}, ${time(at)}` });
}
