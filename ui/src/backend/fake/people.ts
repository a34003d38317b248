// The people of the world: they receive, read, answer, type and react, some by themselves, all when a verb says so.

import type { ChatId, MessageView } from "../types";
import { clock } from "../../state/clock.svelte";
import { random } from "./ids";
import { type Chat, isDirect, type World } from "./world";

const ANSWERS = [
  "Good, I’ll bring the rope.",
  "Let me look at the tide table first.",
  "That works. See you there.",
  "Ha, no. But close.",
  "I asked Ben, he says *Thursday*.",
  "Can you send me the address again?",
  "On my way.",
];

export class People {
  #world: World;
  #random: () => number;
  #mayRead = new Set<ChatId>();

  constructor(world: World, seed: string) {
    this.#world = world;
    this.#random = random(seed);
  }

  /** An own message goes out: as far as the route carries it. */
  receive(chat: Chat, line: MessageView): void {
    const world = this.#world;
    const key = { device: line.device, id: line.id };
    setTimeout(() => {
      const route = world.route(chat);
      if (route === "wait" || chat.log.at(chat.log.find(key)).delivery.state === "failed") return;
      world.setDelivery(chat, key, { state: isDirect(route) ? "delivered" : "sent" });
      const there = world.peer(chat)?.presence.state !== "offline" && !chat.kind.endsWith("channel");
      if (there) setTimeout(() => world.setDelivery(chat, key, { state: "delivered" }), 150);
      if (there && world.lively) this.#answer(chat, key);
    }, 80);
  }

  /** What waited goes out when a way has opened. */
  deliverWaiting(): void {
    for (const chat of this.#world.chats.values()) {
      for (let index = Math.max(chat.log.first, chat.log.length - 50); index < chat.log.length; index += 1) {
        const line = chat.log.at(index);
        if (line.own && line.delivery.state === "waiting") this.receive(chat, line);
      }
    }
  }

  /** They have read everything in it. */
  read(chat: Chat): void {
    for (let index = Math.max(chat.log.first, chat.log.length - 50); index < chat.log.length; index += 1) {
      const { own, delivery, device, id } = chat.log.at(index);
      if (own && (delivery.state === "delivered" || delivery.state === "sent")) {
        this.#world.setDelivery(chat, { device, id }, { state: "read" });
      }
    }
  }

  type(chat: Chat, account: string, on: boolean): void {
    this.#world.tell({ event: "typing", chat: chat.id, account, on });
  }

  /** Somebody writes. */
  write(chat: Chat, account: string, text: string, more: Partial<MessageView> = {}): MessageView {
    const person = this.#world.person(account);
    const line = this.#world.write(chat, {
      account,
      username: person.username,
      device: person.device,
      own: false,
      text,
      delivery: { state: "received" },
      sent_at: clock.now(),
      ...more,
    });
    const notify = chat.mutedUntil === null && this.#world.visibleChat !== chat.id;
    this.type(chat, account, false);
    this.#world.tell({ event: "message", chat: chat.id, notify, account, device: line.device, id: line.id });
    return line;
  }

  #answer(chat: Chat, key: { device: string; id: string }): void {
    const world = this.#world;
    const others = chat.members.filter((member) => member.account !== world.account);
    const who = others[Math.floor(this.#random() * others.length)];
    if (!who || this.#mayRead.has(chat.id)) return;
    this.#mayRead.add(chat.id);
    setTimeout(() => this.read(chat), 900);
    setTimeout(() => this.type(chat, who.account, true), 1500);
    setTimeout(() => {
      this.#mayRead.delete(chat.id);
      if (this.#random() < 0.25) {
        world.change(chat, key, () => ({ reactions: [{ emoji: "👍", accounts: [who.account], own: false }] }));
        this.type(chat, who.account, false);
      } else this.write(chat, who.account, ANSWERS[Math.floor(this.#random() * ANSWERS.length)]!);
    }, 4000);
  }
}
