// The shortcuts of the whole window. Those of the conversation and its messages are registered where they are handled.

import { flushSync } from "svelte";
import { backend } from "../backend";
import { attempt } from "./actions";
import { chats } from "./chats.svelte";
import { onEvent } from "./events";
import { layout } from "./layout.svelte";
import { navigation } from "./navigation.svelte";
import { session } from "./session.svelte";
import { shortcuts, type Shortcut } from "./shortcuts.svelte";
import { larger, smaller } from "./zoom";

/** Registers them, and the shell's menu items of the same names; gives what takes them away. */
export function registerShortcuts(): () => void {
  const signedIn = () => session.phase.phase === "ready" && session.signedIn;
  const free = () => signedIn() && navigation.dialog === null && !navigation.palette;
  const actions: Record<string, () => void> = {
    palette: () => (navigation.palette = !navigation.palette),
    new_chat: () => navigation.openDialog({ dialog: "new_chat" }),
    search: () => focusSearch(),
    search_in_chat: () => (navigation.chat ? (navigation.searchInChat += 1) : focusSearch()),
    previous_chat: () => step(-1, false),
    next_chat: () => step(1, false),
    previous_unread: () => step(-1, true),
    next_unread: () => step(1, true),
    invite: () => navigation.chat && navigation.openDialog({ dialog: "invite", chat: navigation.chat }),
    panel: () => navigation.chat && (navigation.panel = !navigation.panel),
    settings: () => navigation.openSettings(),
    shortcuts: () => navigation.openDialog({ dialog: "shortcuts" }),
    close: () => closeTopmost(),
    quit: () => void backend().quit(),
    zoom_in: () => zoom(larger(session.preferences.zoom)),
    zoom_out: () => zoom(smaller(session.preferences.zoom)),
    zoom_reset: () => zoom(1),
  };
  const all: (Shortcut & { action: string })[] = [
    {
      action: "palette",
      keys: "Mod+K",
      label: "list.palette",
      group: "general",
      when: () => signedIn() && !navigation.dialog,
    },
    { action: "new_chat", keys: "Mod+N", label: "common.new_chat", group: "general", when: free },
    { action: "settings", keys: "Mod+,", label: "common.settings", group: "general", when: free },
    { action: "shortcuts", keys: "?", label: "list.all_shortcuts", group: "general", when: free },
    { action: "close", keys: "Escape", label: "list.close_topmost", group: "general", when: signedIn },
    { action: "zoom_in", keys: "Mod+Plus", label: "list.zoom_in", group: "general" },
    { action: "zoom_out", keys: "Mod+Minus", label: "list.zoom_out", group: "general" },
    { action: "zoom_reset", keys: "Mod+Zero", label: "list.zoom_reset", group: "general" },
    { action: "quit", keys: "Mod+Q", label: "list.quit", group: "general" },
    { action: "search", keys: "Mod+F", label: "list.search", group: "list", when: free },
    { action: "previous_chat", keys: "Alt+ArrowUp", label: "list.previous_chat", group: "list", when: free },
    { action: "next_chat", keys: "Alt+ArrowDown", label: "list.next_chat", group: "list", when: free },
    { action: "previous_unread", keys: "Alt+Shift+ArrowUp", label: "list.previous_unread", group: "list", when: free },
    { action: "next_unread", keys: "Alt+Shift+ArrowDown", label: "list.next_unread", group: "list", when: free },
    { action: "search_in_chat", keys: "Mod+Shift+F", label: "list.search_in_chat", group: "conversation", when: free },
    {
      action: "invite",
      keys: "Mod+I",
      label: "list.share_invite",
      group: "conversation",
      when: () => free() && canInvite(),
    },
    {
      action: "panel",
      keys: "Mod+Shift+P",
      label: "common.side_panel",
      group: "conversation",
      when: () => free() && navigation.chat !== null,
    },
  ];
  const off = [
    onEvent((event) => {
      if (event.event !== "action") return;
      const chosen = all.find(({ action }) => action === event.action);
      if (chosen) shortcuts.act(chosen.keys);
    }),
    shortcuts.register(...all.map(({ action, ...shortcut }) => ({ ...shortcut, run: () => actions[action]?.() }))),
  ];
  return () => off.forEach((end) => end());
}

/** Whether the chat one is in has invites, and one may make them. */
export function canInvite(): boolean {
  const chat = chats.get(navigation.chat);
  return chat !== null && chat.kind !== "direct" && chat.status === "active" && chat.role !== "member";
}

/** What Esc does outside of a dialog: the topmost thing goes, the chat last. */
function closeTopmost(): void {
  if (navigation.palette) navigation.palette = false;
  else if (navigation.settings) navigation.settings = null;
  else if (navigation.panel) navigation.panel = false;
  else if (navigation.archive) navigation.archive = false;
  else navigation.closeChat();
}

/** At the largest and the smallest size there is no next one. */
function zoom(size: number | null): void {
  if (size !== null) void attempt(() => session.setPreferences({ zoom: size }));
}

function focusSearch(): void {
  navigation.settings = null;
  if (layout.rail) navigation.panel = false;
  if (layout.narrow) navigation.closeChat();
  // At once: what is typed next belongs into the field already.
  flushSync();
  document.getElementById("search")?.focus();
}

function step(by: 1 | -1, unreadOnly: boolean): void {
  const all = navigation.archive ? chats.archived : chats.shown;
  const at = all.findIndex((chat) => chat.id === navigation.chat);
  const order =
    by === 1
      ? [...all.slice(at + 1), ...all.slice(0, at + 1)]
      : [...all.slice(0, Math.max(at, 0)).reverse(), ...all.slice(Math.max(at, 0)).reverse()];
  const next = order.find((chat) => chat.id !== navigation.chat && (!unreadOnly || chat.unread > 0));
  if (next) navigation.openChat(next.id);
}
