// Why nobody is signed in any more, from the sentence that the relay gave, which is all that crosses over to the screen.

import type { Key } from "../i18n/index.svelte";

const REASONS: [RegExp, Key][] = [
  [/device was (revoked|removed)|account (was )?deleted/i, "start.out_revoked"],
  [/password was changed/i, "start.out_password"],
  [/used twice/i, "start.out_reused"],
  [/old copy/i, "start.out_copy"],
  [/signed out/i, "start.out_ended"],
];

/** The message for a known reason; null for one that is better shown in its own words. */
export function reasonKey(reason: string | null): Key | null {
  if (!reason) return "start.out_self";
  return REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? null;
}
