// What the palette can do besides going somewhere.

import Archive from "@lucide/svelte/icons/archive";
import CheckCheck from "@lucide/svelte/icons/check-check";
import ClipboardPaste from "@lucide/svelte/icons/clipboard-paste";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Link from "@lucide/svelte/icons/link";
import LogOut from "@lucide/svelte/icons/log-out";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import PanelRight from "@lucide/svelte/icons/panel-right";
import Radio from "@lucide/svelte/icons/radio";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import SearchIcon from "@lucide/svelte/icons/search";
import Settings from "@lucide/svelte/icons/settings";
import SquarePen from "@lucide/svelte/icons/square-pen";
import Sun from "@lucide/svelte/icons/sun";
import type { Component } from "svelte";
import { backend } from "../backend";
import { t } from "../i18n/index.svelte";
import { attempt, markRead } from "../state/actions";
import { chats } from "../state/chats.svelte";
import { canInvite } from "../state/keys";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";

export interface Command {
  key: string;
  label: string;
  icon: Component;
  /** Its picture points the other way where one reads the other way. */
  mirror?: boolean;
  keys?: string;
  run: () => void;
}

/** Those that make sense now. */
export function commands(): Command[] {
  const chat = navigation.chat;
  const theme = (value: "light" | "dark" | "system") => () =>
    void attempt(() => session.setPreferences({ theme: value }));
  const unread = chats.shown.filter((view) => view.unread > 0);
  const all: (Command | false)[] = [
    {
      key: "new_chat",
      label: t("common.new_chat"),
      icon: SquarePen,
      keys: "Mod+N",
      run: () => navigation.openDialog({ dialog: "new_chat" }),
    },
    {
      key: "open_invite",
      label: t("common.open_invite"),
      icon: ClipboardPaste,
      run: () => navigation.openDialog({ dialog: "open_invite", link: null }),
    },
    canInvite() && {
      key: "invite",
      label: t("list.share_invite"),
      icon: Link,
      keys: "Mod+I",
      run: () => navigation.openDialog({ dialog: "invite", chat: chat! }),
    },
    chat !== null && {
      key: "search_in_chat",
      label: t("list.search_in_chat"),
      icon: SearchIcon,
      keys: "Mod+Shift+F",
      run: () => (navigation.searchInChat += 1),
    },
    chat !== null && {
      key: "panel",
      label: t("common.side_panel"),
      icon: PanelRight,
      mirror: true,
      keys: "Mod+Shift+P",
      run: () => (navigation.panel = !navigation.panel),
    },
    unread.length > 0 && {
      key: "all_read",
      label: t("list.all_read"),
      icon: CheckCheck,
      run: () => unread.forEach((view) => void markRead(view.id)),
    },
    { key: "topics", label: t("list.topic_add"), icon: Radio, run: () => navigation.openDialog({ dialog: "topics" }) },
    chats.archived.length > 0 && {
      key: "archive",
      label: t("list.archive"),
      icon: Archive,
      run: () => (navigation.archive = true),
    },
    session.connection.state === "offline" && {
      key: "try_relay",
      label: t("list.try_relay"),
      icon: RefreshCw,
      run: () => void attempt(() => backend().retryNow()),
    },
    {
      key: "settings",
      label: t("common.settings"),
      icon: Settings,
      keys: "Mod+,",
      run: () => navigation.openSettings(),
    },
    { key: "light", label: t("list.theme_light"), icon: Sun, run: theme("light") },
    { key: "dark", label: t("list.theme_dark"), icon: Moon, run: theme("dark") },
    { key: "system", label: t("list.theme_system"), icon: Monitor, run: theme("system") },
    {
      key: "shortcuts",
      label: t("list.all_shortcuts"),
      icon: Keyboard,
      keys: "?",
      run: () => navigation.openDialog({ dialog: "shortcuts" }),
    },
    {
      key: "quit",
      label: t("list.quit"),
      icon: LogOut,
      mirror: true,
      keys: "Mod+Q",
      run: () => void backend().quit(),
    },
  ];
  return all.filter((command) => command !== false);
}
