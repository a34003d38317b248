// Telling that messages were read: what was in sight while the window had the focus, a moment later, and never backwards.

import { backend } from "../backend";
import type { ChatView } from "../backend/types";
import type { MessageRow } from "./rows";

/** So long after something came into sight it counts as read. */
const MOMENT = 150;

export class Reading {
  #chat: () => ChatView;
  #lastSeen: () => MessageRow | null;
  #isBehind: (key: string, other: string) => boolean;
  #upto = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `lastSeen`: the last message that is wholly in sight; `isBehind`: whether a row comes after another one. */
  constructor(
    chat: () => ChatView,
    lastSeen: () => MessageRow | null,
    isBehind: (key: string, other: string) => boolean,
  ) {
    this.#chat = chat;
    this.#lastSeen = lastSeen;
    this.#isBehind = isBehind;
  }

  /** Something else may be in sight. */
  look(): void {
    if (this.#timer !== undefined || !this.#isReading()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#mark();
    }, MOMENT);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #isReading(): boolean {
    return this.#chat().unread > 0 && document.hasFocus();
  }

  #mark(): void {
    if (!this.#isReading()) return;
    const row = this.#lastSeen();
    if (!row || !this.#isBehind(row.key, this.#upto)) return;
    this.#upto = row.key;
    const { device, id } = row.line;
    void backend()
      .markRead(this.#chat().id, { device, id })
      .catch(() => (this.#upto = ""));
  }
}
