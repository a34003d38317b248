// What a chat may be called and how it may be described, as the relay has it.

import { t } from "../i18n/index.svelte";

/** What is wrong with the title of a group or channel, or null. */
export function titleFault(title: string): string | null {
  const length = [...title.trim()].length;
  if (length === 0) return t("dialogs.title_empty");
  return length > 128 ? t("dialogs.title_long") : null;
}

export function descriptionFault(description: string): string | null {
  return [...description.trim()].length > 1024 ? t("dialogs.description_long") : null;
}
