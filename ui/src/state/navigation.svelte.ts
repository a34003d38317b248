// Where the person is: which chat, the panel, a dialog, a page of the settings. Nothing here is kept on disk.

import type { AccountId, ChatId, MessageKey } from "../backend/types";

export type SettingsPage =
  "profile" | "devices" | "privacy" | "notifications" | "appearance" | "shortcuts" | "relay" | "about";

/** What stands over everything else. `dialogs/Dialogs.svelte` shows it. */
export type DialogName =
  | { dialog: "new_chat" }
  | { dialog: "open_invite"; link: string | null }
  | { dialog: "invite"; chat: ChatId }
  | { dialog: "add_member"; chat: ChatId }
  | { dialog: "describe"; chat: ChatId }
  | { dialog: "mute"; chat: ChatId }
  | { dialog: "keep"; chat: ChatId }
  | { dialog: "leave"; chat: ChatId }
  | { dialog: "delete_chat"; chat: ChatId }
  | { dialog: "block"; account: AccountId; username: string }
  | { dialog: "topics" }
  | { dialog: "publish"; topic: string }
  | { dialog: "shortcuts" };

class Navigation {
  chat = $state<ChatId | null>(null);
  /** A message of the chat to go to; whoever shows the chat takes it by `takeTarget`. */
  target = $state<MessageKey | null>(null);
  panel = $state(false);
  settings = $state<SettingsPage | null>(null);
  dialog = $state<DialogName | null>(null);
  palette = $state(false);
  /** Whether the list shows the archive. */
  archive = $state(false);
  /** Asks the conversation to open its search; counts up. */
  searchInChat = $state(0);
  /** How often a chat was opened: who opens one means to write in it. */
  opened = $state(0);

  openChat(chat: ChatId, target: MessageKey | null = null): void {
    this.settings = null;
    this.palette = false;
    this.chat = chat;
    this.target = target;
    this.opened += 1;
  }

  closeChat(): void {
    this.chat = null;
    this.target = null;
    this.panel = false;
  }

  takeTarget(): MessageKey | null {
    const target = this.target;
    this.target = null;
    return target;
  }

  openSettings(page: SettingsPage = "profile"): void {
    this.palette = false;
    this.settings = page;
  }

  openDialog(dialog: DialogName): void {
    this.palette = false;
    this.dialog = dialog;
  }

  closeDialog(): void {
    this.dialog = null;
  }

  clear(): void {
    this.chat = null;
    this.target = null;
    this.panel = false;
    this.settings = null;
    this.dialog = null;
    this.palette = false;
    this.archive = false;
  }
}

export const navigation = new Navigation();
