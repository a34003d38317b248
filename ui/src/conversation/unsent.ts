// Why a message was not sent. The engine keeps a sentence with it, in English: its own or the relay's. What it says is known by its
// words; what is not known is shown as it is.

import type { MessageView } from "../backend/types";
import { t, words, type Key } from "../i18n/index.svelte";
import { sentence } from "../state/why";

const REASONS: [RegExp, Key][] = [
  [
    /^you are (no longer in|not a member of) this chat\b|^this device does not take part in the chat\b/i,
    "conversation.unsent_left",
  ],
  [/^(this|the) chat was deleted\b/i, "conversation.unsent_deleted"],
  [/^not everybody got this in time\b/i, "conversation.unsent_expired"],
  [/^this was waiting when the profile was copied\b/i, "conversation.unsent_copied"],
  [/^this may not have reached everybody\b/i, "conversation.unsent_anew"],
  [/^the message could not be read back\b/i, "conversation.unsent_unread"],
  [/^the (payload|message) has \d+ bytes; this relay takes at most\b/i, "conversation.unsent_large"],
];

/** Reasons for which somebody may have got the message all the same. */
const IN_PART: Key[] = ["conversation.unsent_expired", "conversation.unsent_copied", "conversation.unsent_anew"];

/** A sentence in the person's language, where what it says is known. */
export function whyUnsent(reason: string): string {
  const key = words.language === "en" ? null : keyOf(reason);
  return key ? t(key) : sentence(reason);
}

/** Whether it failed before anybody can have got it. */
export function neverWent({ delivery }: Pick<MessageView, "delivery">): boolean {
  if (delivery.state !== "failed") return false;
  const key = keyOf(delivery.reason);
  return key === null || !IN_PART.includes(key);
}

function keyOf(reason: string): Key | null {
  return REASONS.find(([pattern]) => pattern.test(reason.trim()))?.[1] ?? null;
}
