// Who is typing where. A typing mark that nobody takes back ends by itself.

import { SvelteMap } from "svelte/reactivity";
import type { AccountId, ChatId } from "../backend/types";
import { onEvent } from "./events";

/** Longer than the pause between two typing marks of one person. */
const LASTS = 8_000;

class Typing {
  #chats = new SvelteMap<ChatId, AccountId[]>();
  #ends = new Map<string, ReturnType<typeof setTimeout>>();

  listen(): void {
    onEvent((event) => {
      if (event.event === "typing") this.#set(event.chat, event.account, event.on);
      // A message ends what announced it.
      if (event.event === "message") this.#set(event.chat, event.account, false);
    });
  }

  /** The accounts, in the order in which they began. */
  in(chat: ChatId): AccountId[] {
    return this.#chats.get(chat) ?? [];
  }

  #set(chat: ChatId, account: AccountId, on: boolean): void {
    const key = `${chat} ${account}`;
    clearTimeout(this.#ends.get(key));
    const others = this.in(chat).filter((other) => other !== account);
    if (on) {
      this.#chats.set(chat, this.in(chat).includes(account) ? this.in(chat) : [...others, account]);
      this.#ends.set(
        key,
        setTimeout(() => this.#set(chat, account, false), LASTS),
      );
    } else {
      this.#chats.set(chat, others);
      this.#ends.delete(key);
    }
  }
}

export const typing = new Typing();
