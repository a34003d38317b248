// The line under a chat's name: presence of a person, members of a group, what a channel is.

import type { ChatView } from "../backend/types";
import { lastSeen } from "../i18n/formats";
import { t } from "../i18n/index.svelte";
import { clock } from "../state/clock.svelte";

export function statusOf(chat: ChatView): string {
  if (chat.status === "deleted") return t("conversation.status_deleted");
  if (chat.status === "left") return t("conversation.status_left");
  if (chat.kind === "direct") return chat.blocked ? t("conversation.status_blocked") : presence(chat);
  const members = t("common.members", { n: chat.member_count });
  if (chat.kind === "public_channel") return `${t("common.public_channel")}, ${members}`;
  if (chat.kind === "private_channel") return `${t("common.private_channel")}, ${members}`;
  return members;
}

function presence(chat: ChatView): string {
  if (!chat.presence) return "";
  switch (chat.presence.state) {
    case "online":
      return t("common.online");
    case "away":
      return t("common.away");
    case "offline":
      return chat.presence.last_seen === null ? t("common.offline") : lastSeen(chat.presence.last_seen, clock.minute);
  }
}
