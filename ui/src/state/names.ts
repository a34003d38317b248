// What a chat is called everywhere: its name, or what it is where that shows as nothing.

import type { ChatKind, ChatView } from "../backend/types";
import { plain } from "../conversation/links";
import { t, type Key } from "../i18n/index.svelte";

const KINDS: Record<ChatKind, Key> = {
  direct: "common.direct_chat",
  group: "common.group",
  private_channel: "common.private_channel",
  public_channel: "common.public_channel",
};

export function nameOf(chat: Pick<ChatView, "name" | "kind">): string {
  return plain(chat.name) || t(KINDS[chat.kind]);
}
