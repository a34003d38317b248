// Why something failed, in the person's language where the screen knows the code, in the relay's words where it doesn't.

import { failure } from "../backend";
import { duration } from "../i18n/formats";
import { t } from "../i18n/index.svelte";

/** A sentence: what happened, then what to do. */
export function why(thrown: unknown): string {
  const { code, message, retry_after } = failure(thrown);
  switch (code) {
    case "unreachable":
      return t("dialogs.not_reached");
    case "forbidden":
    case "not_member":
      return t("dialogs.refused");
    case "gone":
      return t("dialogs.gone");
    case "rate_limited":
      return tooMany(retry_after);
    default:
      return sentence(message);
  }
}

export function tooMany(seconds: number | undefined): string {
  if (!seconds || seconds <= 5) return t("start.too_many_soon");
  const time = seconds < 60 ? t("settings.seconds", { n: seconds }) : duration(Math.ceil(seconds / 60) * 60_000);
  return t("start.too_many", { time });
}

/** The relay's sentences begin small and end open, so that they can stand within others. */
export function sentence(message: string): string {
  const whole = message.trim();
  if (whole === "") return whole;
  const begun = whole.charAt(0).toLocaleUpperCase() + whole.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
