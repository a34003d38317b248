// The part of the backend that concerns messages.

import type { Backend } from "../backend";
import type { Hit, MessageView, Route } from "../types";
import type { People } from "./people";
import { isDirect, refuse, type World } from "./world";
import { clock } from "../../state/clock.svelte";

type Part = Pick<
  Backend,
  | "send"
  | "edit"
  | "delete"
  | "hide"
  | "react"
  | "retry"
  | "history"
  | "message"
  | "lastOwn"
  | "deliveries"
  | "search"
  | "markRead"
  | "typing"
>;

/** What the engine takes in one message. */
const LONGEST = 65_536;
/** What it hides at once. */
const MOST_HIDDEN = 500;

export function messages(world: World, people: People): Part {
  return {
    async send(id, { text, reply_to, mentions }) {
      const chat = world.chat(id);
      if (chat.status !== "active") refuse("invalid", "You are no longer a member of this chat.");
      if (new TextEncoder().encode(text).length > LONGEST) refuse("invalid", "A message holds 64 KB at most.");
      const quoted = reply_to && chat.log.at(chat.log.find(reply_to));
      const line = world.write(chat, {
        text,
        mentions,
        reply_to: quoted && { device: quoted.device, id: quoted.id, username: quoted.username, text: quoted.text },
      });
      chat.draft = "";
      chat.unreadFrom = chat.log.length;
      world.tell({ event: "chat", chat: id });
      people.receive(chat, line);
      return { device: line.device, id: line.id };
    },

    async edit(id, key, text) {
      world.change(own(id, key), key, () => ({ text, edited_at: clock.now() }));
    },

    async delete(id, key) {
      const gone = { text: "", deleted: true, reactions: [], reply_to: null, mentions: [] };
      world.change(own(id, key), key, () => gone);
    },

    async hide(id, keys) {
      const chat = world.chat(id);
      if (keys.length > MOST_HIDDEN) refuse("invalid", `At most ${MOST_HIDDEN} messages can be hidden at once.`);
      for (const key of keys) {
        const at = chat.log.find(key);
        if (at < 0) refuse("not_found", "This message is not on this device.");
        if (["waiting", "failed"].includes(chat.log.at(at).delivery.state)) {
          refuse("invalid", "A message that has yet to go out can only be deleted for everyone.");
        }
      }
      for (const key of keys) world.hide(chat, key);
    },

    async react(id, key, emoji, on) {
      world.change(world.chat(id), key, (line) => ({ reactions: reacted(line, emoji, on, world.account) }));
    },

    async retry(id, key) {
      const chat = world.chat(id);
      world.setDelivery(chat, key, { state: "waiting" });
      people.receive(chat, chat.log.at(chat.log.find(key)));
    },

    async history(id, page, limit) {
      const chat = world.chat(id);
      if (world.olderFails && page.page === "before") refuse("unreachable", "The relay does not answer.");
      return chat.log.page(page, Math.min(limit, 500), chat.unreadFrom);
    },

    async message(id, key) {
      const { log } = world.chat(id);
      const index = log.find(key);
      return index < 0 ? refuse("not_found", "This message is not on this device.") : log.at(index);
    },

    async lastOwn(id) {
      const { log } = world.chat(id);
      for (let index = log.length - 1; index >= log.first; index -= 1) {
        const line = log.at(index);
        if (line.own && line.kind === "text" && !line.deleted) return { device: line.device, id: line.id };
      }
      return null;
    },

    async deliveries(id, key) {
      const chat = world.chat(id);
      const { delivery, route, sent_at } = chat.log.at(chat.log.find(key));
      return chat.members
        .filter((member) => member.account !== world.account)
        .map(({ account }) => {
          const read = delivery.state === "read";
          const delivered = read || delivery.state === "delivered";
          return {
            account,
            username: world.username(account),
            device: world.person(account).device,
            delivered,
            read,
            delivered_at: delivered ? sent_at + 400 : null,
            read_at: read ? sent_at + 60_000 : null,
            route: delivered ? route : null,
          };
        });
    },

    async search(query, only, limit) {
      const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      if (words.length === 0) return [];
      const hits: Hit[] = [];
      for (const chat of world.chats.values()) {
        if (only !== null && chat.id !== only) continue;
        for (let index = chat.log.length - 1; index >= chat.log.first && hits.length < limit * 2; index -= 1) {
          const line = chat.log.at(index);
          const text = line.text.toLocaleLowerCase();
          if (line.kind === "text" && !chat.log.isHidden(index) && words.every((word) => text.includes(word))) {
            hits.push({ message: line, chat_name: world.view(chat).name });
          }
        }
      }
      return hits.sort((a, b) => b.message.sent_at - a.message.sent_at).slice(0, limit);
    },

    async markRead(id, upto) {
      const chat = world.chat(id);
      const index = upto ? chat.log.find(upto) + 1 : chat.log.length;
      if (index <= chat.unreadFrom) return;
      chat.unreadFrom = index;
      world.tell({ event: "chat", chat: id });
    },

    async typing() {},
  };

  function own(id: string, key: { device: string; id: string }) {
    const chat = world.chat(id);
    const index = chat.log.find(key);
    if (index < 0 || !chat.log.at(index).own) refuse("invalid", "Only what you wrote yourself can be changed.");
    return chat;
  }
}

export function reacted(line: MessageView, emoji: string, on: boolean, account: string): MessageView["reactions"] {
  const known = line.reactions.find((reaction) => reaction.emoji === emoji);
  const accounts = (known?.accounts ?? []).filter((other) => other !== account);
  if (on) accounts.push(account);
  const own = line.own ? accounts.includes(line.account) : on;
  const changed = { emoji, accounts, own };
  const all = known
    ? line.reactions.map((reaction) => (reaction === known ? changed : reaction))
    : [...line.reactions, changed];
  return all.filter((reaction) => reaction.accounts.length > 0);
}

export function carries(route: Route): boolean {
  return isDirect(route) || route === "relay";
}
