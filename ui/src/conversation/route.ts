// How a conversation travels, in words and as which drawing.

import type { ChatView, MemberView, Route } from "../backend/types";
import { t } from "../i18n/index.svelte";
import { plain } from "./links";

export interface Travel {
  /** The drawing. */
  glyph: Route | "mixed";
  /** On the badge. */
  word: string;
  title: string;
  sentence: string;
}

const isDirect = (route: Route | null): boolean => route === "lan" || route === "direct" || route === "turn";

/** How many of the others are reached without the relay; null where that is no question. */
export function directShare(chat: ChatView, members: readonly MemberView[]): { direct: number; all: number } | null {
  if (chat.kind !== "group") return null;
  const others = members.filter((member) => member.route !== null);
  if (others.length < 2) return null;
  return { direct: others.filter((member) => isDirect(member.route)).length, all: others.length };
}

export function travelOf(chat: ChatView, members: readonly MemberView[]): Travel {
  const share = directShare(chat, members);
  const { route } = chat.route;
  // Some reached directly and some not: one word for the route of all would be untrue.
  if (share && share.direct > 0 && share.direct < share.all) {
    return {
      glyph: "mixed",
      word: t("common.route_some", { n: share.direct, all: share.all }),
      title: t("common.route_some", { n: share.direct, all: share.all }),
      sentence: t("conversation.route_mixed"),
    };
  }
  return {
    glyph: route,
    word: wordOf(route),
    title: t(`conversation.route_${route}_title`),
    sentence: sentenceOf(chat),
  };
}

export function wordOf(route: Route): string {
  return t(`common.route_${route}`);
}

function sentenceOf(chat: ChatView): string {
  const name = plain(chat.name);
  const { route } = chat.route;
  if (chat.kind === "direct") {
    if (route === "wait") return t("conversation.route_wait_direct", { name });
    return route === "relay" ? t("conversation.route_relay_direct") : t(`conversation.route_${route}_direct`, { name });
  }
  if (route === "wait") return t("conversation.route_wait_many");
  if (chat.kind === "group") {
    return route === "relay" ? t("conversation.route_relay_group") : t("conversation.route_direct_group");
  }
  return t("conversation.route_channel");
}
