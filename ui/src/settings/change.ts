// Changing a setting: at once, and taken back with a word about it if it could not be kept.

import { t } from "../i18n/index.svelte";
import { failure } from "../backend";
import { toasts } from "../state/toasts.svelte";

export async function change(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    const { code } = failure(thrown);
    toasts.show(t(code === "unreachable" ? "settings.needs_relay" : "settings.not_saved"));
  }
}
