// What can be done with a chat from the list.

import Archive from "@lucide/svelte/icons/archive";
import ArchiveRestore from "@lucide/svelte/icons/archive-restore";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import CheckCheck from "@lucide/svelte/icons/check-check";
import LogOut from "@lucide/svelte/icons/log-out";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import Trash from "@lucide/svelte/icons/trash-2";
import type { ChatView } from "../backend/types";
import type { MenuItem } from "../design/Menu.svelte";
import { t } from "../i18n/index.svelte";
import { mayLeave, owns } from "../panel/may";
import { archive, markRead, pin, unmute } from "../state/actions";
import { navigation } from "../state/navigation.svelte";

export function chatMenu(chat: ChatView): MenuItem[] {
  const items: MenuItem[] = [];
  const { id } = chat;
  if (chat.unread > 0) items.push({ label: t("list.mark_read"), icon: CheckCheck, run: () => void markRead(id) });
  items.push(
    chat.pinned
      ? { label: t("list.unpin"), icon: PinOff, run: () => void pin(chat, false) }
      : { label: t("list.pin"), icon: Pin, run: () => void pin(chat, true) },
    chat.muted_until !== null
      ? { label: t("list.unmute"), icon: Bell, run: () => void unmute(chat) }
      : { label: t("list.mute"), icon: BellOff, run: () => navigation.openDialog({ dialog: "mute", chat: id }) },
    chat.archived
      ? { label: t("list.unarchive"), icon: ArchiveRestore, run: () => void archive(chat, false) }
      : { label: t("list.archive_it"), icon: Archive, run: () => void archive(chat, true) },
  );
  // What is gone for good: it can be left, and its owner can delete it for everyone. A direct chat, or one that was left,
  // can only be put away.
  const last: MenuItem[] = [];
  if (mayLeave(chat)) {
    const run = () => navigation.openDialog({ dialog: "leave", chat: id });
    last.push({ label: t("panel.leave"), icon: LogOut, mirror: true, danger: true, run });
  }
  if (owns(chat)) {
    const run = () => navigation.openDialog({ dialog: "delete_chat", chat: id });
    const label = t(chat.kind === "group" ? "panel.delete_group" : "panel.delete_channel");
    last.push({ label, icon: Trash, danger: true, run });
  }
  if (last[0]) last[0].apart = true;
  items.push(...last);
  return items;
}
