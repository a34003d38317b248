// One's own password, asked for before what nobody else may do.

import { failure } from "../backend";
import { t } from "../i18n/index.svelte";

export class OwnPassword {
  value = $state("");
  fault = $derived.by(() => {
    if (!this.value) return this.#tried ? t("start.password_missing") : null;
    return this.#wrong === this.value ? t("settings.password_wrong") : null;
  });

  #tried = $state(false);
  /** The one that was refused: another one clears the fault. */
  #wrong = $state<string | null>(null);

  /** Does what needs it. Gives false if it is missing or wrong. */
  async prove(work: (password: string) => Promise<void>): Promise<boolean> {
    this.#tried = true;
    const { value } = this;
    if (!value) return false;
    try {
      await work(value);
      return true;
    } catch (thrown) {
      if (failure(thrown).code !== "wrong_credentials") throw thrown;
      this.#wrong = value;
      return false;
    }
  }
}
