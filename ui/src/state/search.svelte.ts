// Search as one types, over chats, people, public channels and messages: what is here answers at once, the index a moment
// later, the relay when it can. The list's field and the palette each have one.

import { backend, failure } from "../backend";
import type { ChatView, Failure, FoundChat, Hit, User } from "../backend/types";
import { chats } from "./chats.svelte";
import { onEvent } from "./events";
import { afterPaint } from "./frame";
import { fit } from "./match";
import { session } from "./session.svelte";
import { topics } from "./topics.svelte";

/** The best few are asked for and painted first, the rest a frame later: what is made for a frame is most of the time to it. */
const FIRST_MESSAGES = 3;
/** More is not read by anybody; who wants more types on. */
const MOST_MESSAGES = 50;
const PAUSE = 120;

export class Search {
  /** So many of each kind are shown. */
  static MOST = 8;

  query = $state("");
  people = $state.raw<User[]>([]);
  channels = $state.raw<FoundChat[]>([]);
  hits = $state.raw<Hit[]>([]);
  /** Why messages could not be searched. */
  failure = $state.raw<Failure | null>(null);
  /** How long the last search over messages took, in milliseconds. */
  took = $state<number | null>(null);
  /** What the answers belong to. */
  answered = $state("");

  #turn = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;

  active = $derived(this.#wanted !== "");
  /** Whether messages have been asked for and the answer has come. */
  settled = $derived(this.answered === this.#wanted);

  chats = $derived<ChatView[]>(this.active ? this.#best(chats.ordered, (chat) => chat.name) : []);
  topics = $derived(this.active ? this.#best(topics.rows, (row) => row.topic) : []);
  /** Those with whom there is no chat yet. */
  newPeople = $derived.by(() => {
    const known = new Set(chats.ordered.map((chat) => chat.peer));
    return this.people.filter((person) => !known.has(person.id)).slice(0, Search.MOST);
  });
  newChannels = $derived(this.channels.filter((channel) => !chats.get(channel.id)).slice(0, Search.MOST));
  moreHits = $derived(this.hits.length >= MOST_MESSAGES);

  /** No derived value: an answer may come once whoever asked is gone. */
  get #wanted(): string {
    return this.query.trim();
  }

  /** To be called in an effect: follows the query. */
  follow(): void {
    const query = this.#wanted;
    clearTimeout(this.#pause);
    if (query === "") {
      this.people = [];
      this.channels = [];
      this.hits = [];
      this.failure = null;
      this.answered = "";
      return;
    }
    void this.#askMessages(query);
    if (session.online) this.#pause = setTimeout(() => void this.#askRelay(query), PAUSE);
    else {
      this.people = [];
      this.channels = [];
    }
  }

  /** To be called in an effect: what was found may change, or be gone. */
  listen(): () => void {
    return onEvent((event) => {
      if (event.event !== "message_changed" || !this.active) return;
      const found = this.hits.some(
        ({ message: { chat, device, id } }) => chat === event.chat && device === event.device && id === event.id,
      );
      if (found) void this.#askMessages(this.#wanted);
    });
  }

  clear(): void {
    this.query = "";
  }

  async #askMessages(query: string): Promise<void> {
    const from = performance.now();
    const turn = ++this.#turn;
    const isOld = () => turn !== this.#turn || query !== this.#wanted;
    try {
      let hits = await backend().search(query, null, FIRST_MESSAGES);
      if (isOld()) return;
      this.took = Math.max(1, Math.round(performance.now() - from));
      this.hits = hits;
      if (hits.length === FIRST_MESSAGES) {
        await new Promise<void>((then) => void afterPaint(then));
        if (isOld()) return;
        hits = await backend().search(query, null, MOST_MESSAGES);
        if (isOld()) return;
        this.hits = hits;
      }
      this.failure = null;
    } catch (thrown) {
      if (isOld()) return;
      this.hits = [];
      this.failure = failure(thrown);
    }
    this.answered = query;
  }

  async #askRelay(query: string): Promise<void> {
    const [people, channels] = await Promise.all([
      backend()
        .findUsers(query)
        .catch(() => []),
      backend()
        .findPublic(query)
        .catch(() => []),
    ]);
    if (query !== this.#wanted) return;
    this.people = people;
    this.channels = channels;
  }

  #best<Thing>(all: Thing[], name: (thing: Thing) => string): Thing[] {
    const fits = all.map((thing) => ({ thing, fit: fit(name(thing), this.#wanted) })).filter(({ fit }) => fit > 0);
    return fits
      .sort((a, b) => b.fit - a.fit)
      .slice(0, Search.MOST)
      .map(({ thing }) => thing);
  }
}
