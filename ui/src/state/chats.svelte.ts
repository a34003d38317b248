// The chats as the list shows them. Events only say which chat changed; its view is asked for again, gathered per frame,
// so that a burst of a thousand messages costs one question a chat and one repaint.

import { SvelteMap, SvelteSet } from "svelte/reactivity";
import { backend } from "../backend";
import type { ChatId, ChatView, Event } from "../backend/types";
import { onEvent } from "./events";
import { perFrame } from "./frame";
import { roundTrips } from "./roundtrips.svelte";

/** Before the chats are asked for again, in milliseconds. */
const PATIENCE = 2_000;

class Chats {
  /** By id; each view is replaced as a whole. */
  views = new SvelteMap<ChatId, ChatView>();
  /** False until the first list has come. */
  loaded = $state(false);

  /** Pinned ones first, then by when something last happened. */
  ordered = $derived(
    [...this.views.values()].sort(
      (a, b) => Number(b.pinned) - Number(a.pinned) || b.last_at - a.last_at || (a.id < b.id ? -1 : 1),
    ),
  );
  shown = $derived(this.ordered.filter((chat) => !chat.archived));
  archived = $derived(this.ordered.filter((chat) => chat.archived));

  #dirty = new Set<ChatId>();
  /** What changed since all of them were asked for. */
  #meanwhile = new Set<ChatId>();
  #asked = new SvelteSet<ChatId>();
  #flush = perFrame(() => void this.#askForDirty());

  listen(): void {
    onEvent((event) => this.#happened(event));
  }

  async load(): Promise<void> {
    const meanwhile = (this.#meanwhile = new Set());
    const views = await backend().chats();
    if (meanwhile !== this.#meanwhile) return;
    this.views.clear();
    for (const view of views) this.#keep(view);
    this.loaded = true;
    // What changed since it was asked for may not be in it.
    for (const chat of meanwhile) this.refresh(chat);
  }

  /** Once more later, if it fails: nobody asked for it who could be told. */
  async #loadAgain(): Promise<void> {
    try {
      await this.load();
    } catch {
      setTimeout(() => void this.#loadAgain(), PATIENCE);
    }
  }

  clear(): void {
    this.views.clear();
    roundTrips.clear();
    this.loaded = false;
  }

  get(chat: ChatId | null): ChatView | null {
    return (chat && this.views.get(chat)) || null;
  }

  /** Asks for a chat again, in the next frame. */
  refresh(chat: ChatId): void {
    this.#dirty.add(chat);
    this.#meanwhile.add(chat);
    this.#flush();
  }

  /** Asks for a chat now; for whoever goes on with its view. */
  async refreshed(chat: ChatId): Promise<ChatView> {
    const view = await backend().chat(chat);
    this.#keep(view);
    return view;
  }

  #keep(view: ChatView): void {
    const { route, round_trip } = view.route;
    // Of somebody one blocked nothing is told.
    this.views.set(view.id, view.blocked ? { ...view, presence: null } : view);
    roundTrips.take(view.id, route, round_trip);
    if (route === "relay" && round_trip !== null) roundTrips.take("relay", route, round_trip);
  }

  #happened(event: Event): void {
    switch (event.event) {
      case "message":
      case "message_changed":
      case "marks":
      case "moved":
      case "chat":
        return this.refresh(event.chat);
      case "route": {
        const view = this.views.get(event.chat);
        if (!view) return;
        const { route, round_trip, since, linked, devices } = event;
        // A round trip is told when it has become quite another, and then once.
        roundTrips.begin(event.chat, route, round_trip);
        this.#keep({ ...view, route: { route, round_trip, since, linked, devices } });
        return;
      }
      case "presence":
        for (const view of this.views.values()) if (view.peer === event.account) this.refresh(view.id);
        return;
      case "connection":
        // Presence is vouched for by the relay alone.
        if (event.state === "online" || event.state === "offline") {
          for (const view of this.views.values()) if (view.peer) this.refresh(view.id);
        }
        return;
      case "lagged":
        void this.#loadAgain();
        return;
    }
  }

  async #askForDirty(): Promise<void> {
    const dirty = [...this.#dirty].filter((chat) => !this.#asked.has(chat));
    for (const chat of dirty) {
      this.#dirty.delete(chat);
      this.#asked.add(chat);
    }
    const views = await Promise.allSettled(dirty.map((chat) => backend().chat(chat)));
    views.forEach((result, index) => {
      const chat = dirty[index]!;
      this.#asked.delete(chat);
      if (result.status === "fulfilled") this.#keep(result.value);
      else if (result.reason?.code === "not_found") {
        this.views.delete(chat);
        roundTrips.forget(chat);
      }
    });
    if (this.#dirty.size > 0) this.#flush();
  }
}

export const chats = new Chats();
