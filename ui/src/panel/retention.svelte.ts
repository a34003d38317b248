// How long the relay keeps what is undelivered, as it said last.

import { backend } from "../backend";
import { Asked } from "../dialogs/asked.svelte";
import { duration } from "../i18n/formats";
import { t } from "../i18n/index.svelte";
import { session } from "../state/session.svelte";

export class Retention {
  #info = new Asked(() => backend().checkRelay(session.me?.relay ?? ""));

  /** The sentence; what stands there until the relay has said it. */
  sentence = $derived.by(() => {
    const info = this.#info.value;
    return info ? t("panel.retention", { kept: duration(info.retention * 1000) }) : t("panel.not_loaded");
  });
  known = $derived(this.#info.value !== null || this.#info.failure !== null);
}
