// What a search found, as sections of rows that can be chosen: the same for the list's field and the palette.

import type { ChatKind, PresenceState } from "../backend/types";
import { listTime } from "../i18n/formats";
import { t } from "../i18n/index.svelte";
import { joinChannel, writeTo } from "../state/actions";
import { chats } from "../state/chats.svelte";
import { clock } from "../state/clock.svelte";
import { snippet } from "../state/match";
import { nameOf } from "../state/names";
import { navigation } from "../state/navigation.svelte";
import type { Search } from "../state/search.svelte";
import { session } from "../state/session.svelte";
import { plain } from "../conversation/links";
import { summary } from "../conversation/summary";

export interface Result {
  key: string;
  avatar: { id: string; kind: ChatKind; presence: PresenceState | null } | "topic";
  title: string;
  /** Beside the title: what was written. */
  text: string;
  /** At the end: what it is, or when. */
  end: string;
  /** When, if that is what stands at the end. */
  at?: number;
  open: () => void;
}

export interface Section {
  title: string;
  rows: Result[];
}

export function sections(search: Search): Section[] {
  const found: Section[] = [
    { title: t("list.section_chats"), rows: [...chatResults(search), ...topicResults(search)] },
    { title: t("list.section_people", { relay: session.relayName }), rows: peopleResults(search) },
    { title: t("list.section_channels"), rows: channelResults(search) },
    { title: t("list.section_messages"), rows: messageResults(search) },
  ];
  return found.filter((section) => section.rows.length > 0);
}

function chatResults(search: Search): Result[] {
  return search.chats.map((chat) => ({
    key: `chat ${chat.id}`,
    avatar: { id: chat.peer ?? chat.id, kind: chat.kind, presence: chat.presence?.state ?? null },
    title: nameOf(chat),
    text: "",
    end: chat.archived
      ? t("common.archived")
      : {
          direct: t("common.direct_chat"),
          group: t("common.members", { n: chat.member_count }),
          private_channel: t("common.private_channel"),
          public_channel: t("common.public_channel"),
        }[chat.kind],
    open: () => navigation.openChat(chat.id),
  }));
}

function topicResults(search: Search): Result[] {
  return search.topics.map(({ topic }) => ({
    key: `topic ${topic}`,
    avatar: "topic",
    title: plain(topic),
    text: "",
    end: t("common.live_topic"),
    open: () => navigation.openDialog({ dialog: "publish", topic }),
  }));
}

function peopleResults(search: Search): Result[] {
  return search.newPeople.map((person) => ({
    key: `person ${person.id}`,
    avatar: { id: person.id, kind: "direct", presence: person.presence },
    title: plain(person.username),
    text: "",
    end: `@${plain(person.username).toLocaleLowerCase()}`,
    open: () => void writeTo(person.id),
  }));
}

function channelResults(search: Search): Result[] {
  return search.newChannels.map((channel) => ({
    key: `channel ${channel.id}`,
    avatar: { id: channel.id, kind: "public_channel", presence: null },
    title: plain(channel.title),
    text: summary(channel.description),
    end: t("common.members", { n: channel.member_count }),
    open: () => void joinChannel(channel.id, channel.title),
  }));
}

function messageResults(search: Search): Result[] {
  return search.hits.map(({ message, chat_name }) => {
    const view = chats.get(message.chat);
    return {
      key: `message ${message.device} ${message.id}`,
      avatar: { id: view?.peer ?? message.chat, kind: view?.kind ?? "group", presence: null },
      title: view ? nameOf(view) : plain(chat_name),
      text: snippet(summary(message.text.slice(firstHit(message.text, search.query))), search.query),
      end: listTime(message.sent_at, clock.minute),
      at: message.sent_at,
      open: () => navigation.openChat(message.chat, { device: message.device, id: message.id }),
    };
  });
}

/** A hit far into a long text is shown from shortly before it. */
function firstHit(text: string, query: string): number {
  const word = query.trim().split(/\s+/)[0] ?? "";
  const at = text.toLocaleLowerCase().indexOf(word.toLocaleLowerCase());
  return at > 200 ? at - 60 : 0;
}
