// Why signing up or in did not work, where no field is to blame.

import type { Failure } from "../backend/types";
import { t } from "../i18n/index.svelte";
import { why } from "../state/why";

/** A sentence: what happened, then what to do. */
export function refusal(refused: Failure): string {
  switch (refused.code) {
    case "unreachable":
      return t("start.not_reached");
    case "try_later":
    case "shutting_down":
      return t("start.wait");
    default:
      return why(refused);
  }
}
