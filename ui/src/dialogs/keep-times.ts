// For how long a chat can keep its messages, and how that is said.

import { span } from "../i18n/formats";
import { t } from "../i18n/index.svelte";

const DAY = 86_400;
const OFFERED: (number | null)[] = [null, 365 * DAY, 90 * DAY, 30 * DAY, 7 * DAY, DAY];

/** What is offered, longest first, with what it is now. Seconds; null is for ever. */
export function keepTimes(now: number | null): (number | null)[] {
  if (OFFERED.includes(now)) return OFFERED;
  return [...OFFERED, now].sort((a, b) => length(b) - length(a));
}

/** `For ever`, `90 days`. */
export function kept(seconds: number | null): string {
  return seconds === null ? t("panel.for_ever") : span(seconds);
}

export function isShorter(seconds: number | null, than: number | null): boolean {
  return length(seconds) < length(than);
}

function length(seconds: number | null): number {
  return seconds ?? Number.MAX_VALUE;
}
