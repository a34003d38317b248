// People on the relay by the beginning of their names, as one types. An answer that comes after the next letter is dropped.

import { backend, failure } from "../backend";
import type { AccountId, Failure, PresenceState } from "../backend/types";
import { chats } from "../state/chats.svelte";
import { session } from "../state/session.svelte";

export interface Found {
  id: AccountId;
  username: string;
  presence: PresenceState;
}

/** Between the last letter and the question. */
const PAUSE = 150;

export class FindPeople {
  query = $state("");
  failure = $state.raw<Failure | null>(null);
  asking = $state(false);
  #found = $state.raw<Found[]>([]);
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Before anything is typed: whom one writes with. */
  known = $derived<Found[]>(
    chats.ordered.flatMap((chat) =>
      chat.peer ? [{ id: chat.peer, username: chat.name, presence: chat.presence?.state ?? "offline" }] : [],
    ),
  );
  people = $derived(this.query.trim() ? this.#found : this.known);

  type(query: string): void {
    this.query = query;
    this.failure = null;
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.asking = query.trim() !== "";
    if (!this.asking) this.#found = [];
    else this.#timer = setTimeout(() => void this.ask(), PAUSE);
  }

  async ask(): Promise<void> {
    const turn = ++this.#turn;
    this.asking = true;
    this.failure = null;
    try {
      const users = await backend().findUsers(this.query.trim());
      if (turn !== this.#turn) return;
      this.#found = users.filter((user) => user.id !== session.me?.account);
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.#found = [];
      this.failure = failure(thrown);
    }
    this.asking = false;
  }
}
