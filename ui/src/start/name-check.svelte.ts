// The name that one types for a new account, and whether the relay still has it free. An answer that comes after the name was
// changed is dropped. The relay has the last word when the account is made: until then somebody else may take the name.

import { backend, failure } from "../backend";
import type { Failure, RelayInfo } from "../backend/types";
import { nameFault } from "./rules";

/** After the last letter. */
const PAUSE = 450;

export class NameCheck {
  free = $state(false);
  /** Why the relay would not take it. */
  refused = $state.raw<Failure | null>(null);

  #info: RelayInfo;
  #of = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(info: RelayInfo) {
    this.#info = info;
  }

  /** The name is another one now, or the code without which the relay tells nobody who is there. */
  typed(name: string, code: string): void {
    const username = name.trim();
    const invite = this.#info.registration === "invite" ? code.trim() : "";
    const of = `${invite} ${username}`;
    if (of === this.#of) return;
    this.#of = of;
    this.end();
    this.free = false;
    this.refused = null;
    if (nameFault(username) || (this.#info.registration === "invite" && !invite)) return;
    this.#timer = setTimeout(() => void this.#ask(of, { username, ...(invite && { invite }) }), PAUSE);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  async #ask(of: string, request: { username: string; invite?: string }): Promise<void> {
    const thrown = await backend()
      .checkUsername(this.#info.relay, request)
      .then(
        () => null,
        (thrown: unknown) => failure(thrown),
      );
    if (of !== this.#of) return;
    this.free = thrown === null;
    // What else goes wrong is said when the account is made, if it still does.
    if (thrown && (thrown.code === "name_taken" || thrown.message.startsWith("`username`"))) this.refused = thrown;
  }
}
