// Why something failed, in the person's language: by the code, as a failure's own sentence is English. It is shown where that is
// the language and the sentence says more than its code.

import { failure } from "../backend";
import { duration } from "../i18n/formats";
import { t, words, type Key } from "../i18n/index.svelte";

/** A failure of the screen's own, whose message is in the person's language already. */
export class Told extends Error {}

/** What a code says as well as its sentence, or better. */
const BY_CODE = new Map<string, Key>([
  ["unreachable", "failed.unreachable"],
  ["signed_out", "failed.signed_out"],
  ["unauthorized", "failed.signed_out"],
  ["token_expired", "failed.signed_out"],
  ["token_reused", "failed.signed_out"],
  ["device_revoked", "failed.signed_out"],
  ["signed_in", "start.other_owner"],
  ["profile_in_use", "failed.profile_in_use"],
  ["profile_newer", "list.broken_newer"],
  ["keychain", "failed.keychain"],
  ["storage", "failed.storage"],
  ["disk_full", "list.notice_disk_full"],
  ["closed", "failed.closed"],
  ["wrong_credentials", "start.wrong_credentials"],
  ["registration_closed", "start.closed"],
  ["version_mismatch", "start.relay_version"],
  ["forbidden", "failed.refused"],
  ["not_member", "failed.refused"],
  ["gone", "failed.gone"],
  ["left", "conversation.left_chat"],
  ["try_later", "failed.later"],
  ["shutting_down", "failed.later"],
  ["internal", "failed.internal"],
]);

/** What stands for a sentence that says more: which bound, what is not there. */
const IN_GENERAL = new Map<string, Key>([
  ["not_found", "failed.not_found"],
  ["invalid", "failed.invalid"],
  ["bad_request", "failed.invalid"],
  ["too_large", "failed.too_large"],
  ["conflict", "failed.conflict"],
  ["id_conflict", "failed.conflict"],
  ["limit_reached", "failed.limit"],
  ["quota_exceeded", "failed.quota"],
  ["name_taken", "start.name_taken"],
  ["system", "failed.system"],
]);

/** A sentence: what happened, then what to do. */
export function why(thrown: unknown): string {
  if (thrown instanceof Told) return thrown.message;
  const { code, message, retry_after } = failure(thrown);
  if (code === "rate_limited") return tooMany(retry_after);
  const ours = BY_CODE.get(code);
  return ours ? t(ours) : inEnglish(message) || t(IN_GENERAL.get(code) ?? "failed.otherwise");
}

/** A sentence of the engine or the relay; nothing where the person reads another language. */
export function inEnglish(message: string): string {
  return words.language === "en" ? sentence(message) : "";
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
