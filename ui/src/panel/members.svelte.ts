// Who is in a chat, kept fresh by events; a burst of them asks once a second, since a channel may have thousands of members.

import { backend, failure } from "../backend";
import type { ChatId, Event, Failure, MemberView } from "../backend/types";
import { onEvent } from "../state/events";
import { sparingly } from "../state/frame";
import { session } from "../state/session.svelte";

const PAUSE = 1_000;
const RANK = { owner: 0, admin: 1, member: 2 };
const NEAR = { online: 0, away: 1, offline: 2 };

export class Members {
  all = $state.raw<MemberView[] | null>(null);
  failure = $state.raw<Failure | null>(null);
  #chat: ChatId;
  #turn = 0;
  #again = sparingly(() => void this.load(), PAUSE);

  /** To be made while a component begins. */
  constructor(chat: ChatId) {
    this.#chat = chat;
    $effect(() => {
      void this.load();
      const end = onEvent((event) => this.#happened(event));
      return () => {
        end();
        this.#again.end();
      };
    });
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const members = await backend().members(this.#chat);
      if (turn !== this.#turn) return;
      this.all = inOrder(members);
      this.failure = null;
    } catch (thrown) {
      if (turn === this.#turn) this.failure = failure(thrown);
    }
  }

  #happened(event: Event): void {
    const concerns =
      ((event.event === "chat" || event.event === "route") && event.chat === this.#chat) ||
      (event.event === "presence" && (this.all?.some((member) => member.account === event.account) ?? false)) ||
      (event.event === "connection" && event.state === "online") ||
      event.event === "lagged";
    if (concerns) this.#again.ask();
  }
}

/** Oneself, then by role, then who is here, then by name. */
export function inOrder(members: MemberView[]): MemberView[] {
  const own = (member: MemberView) => Number(member.account !== session.me?.account);
  return members.toSorted(
    (a, b) =>
      own(a) - own(b) ||
      RANK[a.role] - RANK[b.role] ||
      NEAR[a.presence.state] - NEAR[b.presence.state] ||
      a.username.localeCompare(b.username),
  );
}
