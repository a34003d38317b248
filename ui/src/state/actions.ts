// What can be done with a chat from more than one place: the list's menu, the panel, the palette.

import { backend } from "../backend";
import type { ChatId, ChatView } from "../backend/types";
import { t } from "../i18n/index.svelte";
import { chats } from "./chats.svelte";
import { navigation } from "./navigation.svelte";
import { toasts } from "./toasts.svelte";
import { why } from "./why";

/** Runs it; a failure is said in a toast. Gives whether it worked. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    toasts.show(why(thrown));
    return false;
  }
}

/** Archiving can be undone, so it asks nothing. */
export async function archive(chat: ChatView, archived: boolean): Promise<void> {
  const name = chat.name;
  if (!(await attempt(() => backend().archive(chat.id, archived)))) return;
  chats.refresh(chat.id);
  const undo = () => void attempt(() => backend().archive(chat.id, !archived)).then(() => chats.refresh(chat.id));
  toasts.show(archived ? t("list.was_archived", { name }) : t("list.was_unarchived", { name }), undo);
}

export async function pin(chat: ChatView, pinned: boolean): Promise<void> {
  if (await attempt(() => backend().pin(chat.id, pinned))) chats.refresh(chat.id);
}

export async function unmute(chat: ChatView): Promise<void> {
  const until = chat.muted_until;
  if (!(await attempt(() => backend().mute(chat.id, null)))) return;
  chats.refresh(chat.id);
  const undo = () => void attempt(() => backend().mute(chat.id, until)).then(() => chats.refresh(chat.id));
  toasts.show(t("list.was_unmuted", { name: chat.name }), undo);
}

export async function markRead(chat: ChatId): Promise<void> {
  if (await attempt(() => backend().markRead(chat, null))) chats.refresh(chat);
}

/** Opens the chat with somebody, made if there is none. */
export async function writeTo(account: string): Promise<void> {
  const known = chats.ordered.find((chat) => chat.peer === account);
  if (known) return navigation.openChat(known.id);
  await attempt(async () => {
    const chat = await backend().newDirect(account);
    await chats.refreshed(chat);
    navigation.openChat(chat);
  });
}

/** Becomes a member of a public channel and opens it. */
export async function joinChannel(chat: ChatId, name: string): Promise<void> {
  await attempt(async () => {
    await backend().join(chat);
    await chats.refreshed(chat);
    navigation.openChat(chat);
    toasts.show(t("list.joined", { name }));
  });
}
