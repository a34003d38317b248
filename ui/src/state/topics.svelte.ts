// Live topics: what this device is subscribed to, and the newest thing heard of each. Nothing of it is kept.

import { SvelteMap } from "svelte/reactivity";
import { backend } from "../backend";
import { hears } from "../dialogs/topic-names";
import { onEvent } from "./events";
import { clock } from "./clock.svelte";

export interface Heard {
  topic: string;
  data: string;
  at: number;
}

/** So many topics that came of patterns are shown. */
const MOST = 100;

class Topics {
  patterns = $state<string[]>([]);
  /** The newest of each topic, in the order in which the topics were first heard. */
  heard = new SvelteMap<string, Heard>();

  /** What the list shows: each subscription, and beneath a pattern what came of it. */
  rows = $derived.by(() => {
    const exact = this.patterns.map((pattern) => this.heard.get(pattern) ?? { topic: pattern, data: "", at: 0 });
    const matched = [...this.heard.values()].filter((heard) => !this.patterns.includes(heard.topic));
    return [...exact, ...matched];
  });

  listen(): void {
    onEvent((event) => {
      if (event.event === "topic") {
        this.heard.set(event.topic, { topic: event.topic, data: event.data, at: clock.now() });
        this.#forgetOldest();
      }
    });
  }

  async load(): Promise<void> {
    this.patterns = await backend().subscriptions();
  }

  async subscribe(pattern: string): Promise<void> {
    await backend().subscribeTopics([pattern]);
    await this.load();
  }

  async unsubscribe(pattern: string): Promise<void> {
    await backend().unsubscribeTopics([pattern]);
    await this.load();
    for (const topic of this.heard.keys()) {
      if (!this.patterns.some((other) => hears(other, topic))) this.heard.delete(topic);
    }
  }

  /** Whoever publishes under a pattern chooses how many names there are. */
  #forgetOldest(): void {
    const matched = [...this.heard.values()].filter((heard) => !this.patterns.includes(heard.topic));
    if (matched.length <= MOST) return;
    const oldest = matched.reduce((one, other) => (other.at < one.at ? other : one));
    this.heard.delete(oldest.topic);
  }

  clear(): void {
    this.patterns = [];
    this.heard.clear();
  }
}

export const topics = new Topics();
