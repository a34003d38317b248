// What the second line of a chat in the list says. Pure, but for the words.

import type { ChatView, Delivery, MessageView } from "../backend/types";
import { isBlank, plain } from "../conversation/links";
import { sentenceOf } from "../conversation/sentences";
import { summary } from "../conversation/summary";
import { t } from "../i18n/index.svelte";

export interface Preview {
  /** Decides its colour. */
  kind: "typing" | "draft" | "failed" | "text";
  /** Stands before the text: `Draft:`, `Ben:`. */
  prefix: string;
  text: string;
  /** How far an own last message has come. */
  delivery: Exclude<Delivery["state"], "received"> | null;
}

const PLAIN: Preview = { kind: "text", prefix: "", text: "", delivery: null };

/** `open`: one is in this chat, so that its draft stands in the composer. */
export function preview(chat: ChatView, typing: string[], open: boolean): Preview {
  if (typing.length > 0) return { ...PLAIN, kind: "typing", text: typingText(chat, typing) };
  if (chat.status === "left") return { ...PLAIN, text: t("list.left") };
  if (chat.status === "deleted") return { ...PLAIN, text: t("list.chat_deleted") };
  if (chat.draft.trim() && !open) {
    return { ...PLAIN, kind: "draft", prefix: t("list.draft"), text: summary(chat.draft) };
  }
  return chat.last ? ofMessage(chat, chat.last) : { ...PLAIN, text: summary(chat.description) };
}

function ofMessage(chat: ChatView, line: MessageView): Preview {
  if (line.kind !== "text") return { ...PLAIN, text: summary(sentenceOf(line)) };
  if (line.deleted) return { ...PLAIN, text: line.own ? t("list.mine_deleted") : t("list.deleted") };
  const text = isBlank(line.text) ? t("conversation.blank") : summary(line.text);
  if (!line.own) return { ...PLAIN, prefix: chat.kind === "direct" ? "" : `${plain(line.username)}:`, text };
  const { state } = line.delivery;
  if (state === "failed") return { kind: "failed", prefix: t("list.not_sent"), text, delivery: "failed" };
  return { ...PLAIN, text, delivery: state === "received" ? null : state };
}

function typingText(chat: ChatView, typing: string[]): string {
  const last = chat.last;
  if (chat.kind === "direct" || !last || !typing.includes(last.account)) return t("list.typing");
  return t("list.typing_who", { name: plain(last.username) });
}
