// Why signing up or in did not work, where no field is to blame.

import type { Failure } from "../backend/types";
import { sentence, tooMany } from "../dialogs/why";
import { t } from "../i18n/index.svelte";

/** A sentence: what happened, then what to do. */
export function refusal({ code, message, retry_after }: Failure): string {
  switch (code) {
    case "unreachable":
      return t("start.not_reached");
    case "try_later":
    case "shutting_down":
      return t("start.wait");
    case "rate_limited":
      return tooMany(retry_after);
    case "signed_in":
      return t("start.other_owner");
    default:
      return sentence(message);
  }
}
