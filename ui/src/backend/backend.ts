// The one interface between the screen and everything else. Two implementations: `tauri.ts` (the real one, and the only
// file that imports @tauri-apps/*) and `fake/` (a lively world in memory, for development and tests).
//
// Every call rejects with a `Failure`. Messages, edits, marks and settings never wait for a connection; what concerns
// accounts, members and invites needs the relay and fails with `unreachable` without it.

import type * as T from "./types";

export interface Backend {
  // The window
  start(): Promise<T.Start>;
  /** Calls back with every event from now on, in order; gives what ends it. */
  subscribe(listener: (event: T.Event) => void): Promise<() => void>;
  setPreferences(preferences: T.Preferences): Promise<void>;
  profiles(): Promise<T.ProfileView[]>;
  /** Opens a profile, made if it is new, in a window of its own. */
  openProfile(name: string): Promise<void>;
  /** Opens the engine again after `broken` or `stopped`. */
  reopen(): Promise<T.Start>;
  /** Opens a link outside; refuses every scheme but http, https and mailto. */
  openExternal(url: string): Promise<void>;
  copy(text: string): Promise<void>;
  /** The text in the clipboard. For a press of a button that says so, never by itself. */
  paste(): Promise<string>;
  /** The third-party licences, as plain text. */
  licences(): Promise<string>;
  /** The chat the person looks at now (no notification is due for it), or null. */
  setVisibleChat(chat: T.ChatId | null): Promise<void>;
  quit(): Promise<void>;

  // Account
  me(): Promise<T.Me | null>;
  connection(): Promise<T.Connection>;
  /** Whether something that is a relay answers there. */
  checkRelay(relay: string): Promise<T.RelayInfo>;
  checkUsername(relay: string, request: { username: string; invite?: string }): Promise<void>;
  signUp(relay: string, request: { username: string; email: string; password: string; invite?: string; device_name?: string }): Promise<T.Me>;
  /** `name` is a username or an address. */
  signIn(relay: string, request: { name: string; password: string; device_name?: string }): Promise<T.Me>;
  signOut(all: boolean): Promise<void>;
  /** Whether the sign-in stands in the system's keychain; otherwise it stands in the profile's folder. */
  inKeychain(): Promise<boolean>;
  changePassword(current: string, next: string): Promise<void>;
  deleteAccount(password: string): Promise<void>;
  account(): Promise<T.Account>;
  showPresence(show: T.ShowPresence): Promise<void>;
  devices(): Promise<T.DeviceView[]>;
  renameDevice(device: T.DeviceId, name: string): Promise<void>;
  revokeDevice(device: T.DeviceId): Promise<void>;
  settings(): Promise<T.Settings>;
  setSettings(settings: T.Settings): Promise<void>;
  setActivity(activity: "active" | "away"): Promise<void>;
  /** Try the relay now, and make fresh links. */
  retryNow(): Promise<void>;

  // People
  findUsers(query: string): Promise<T.User[]>;
  blocked(): Promise<T.User[]>;
  setBlocked(account: T.AccountId, blocked: boolean): Promise<void>;

  // Chats
  /** Pinned ones first, then by when something last happened; archived ones included. */
  chats(): Promise<T.ChatView[]>;
  chat(chat: T.ChatId): Promise<T.ChatView>;
  newDirect(member: string): Promise<T.ChatId>;
  newGroup(title: string, members: string[]): Promise<T.ChatId>;
  newChannel(title: string, description: string, isPublic: boolean): Promise<T.ChatId>;
  findPublic(query: string): Promise<T.FoundChat[]>;
  join(chat: T.ChatId): Promise<void>;
  showInvite(code: string): Promise<T.Invite>;
  joinByInvite(code: string): Promise<T.ChatId>;
  /** `expiresIn` in seconds. */
  createInvite(chat: T.ChatId, expiresIn: number | null, uses: number | null): Promise<T.Invite>;
  invites(chat: T.ChatId): Promise<T.Invite[]>;
  revokeInvite(chat: T.ChatId, code: string): Promise<void>;
  leave(chat: T.ChatId): Promise<void>;
  deleteChat(chat: T.ChatId): Promise<void>;
  describe(chat: T.ChatId, title: string | null, description: string | null): Promise<void>;
  /** How long the chat's messages are kept, in seconds; null for ever. What is older goes from the relay and from every device. */
  setRetention(chat: T.ChatId, seconds: number | null): Promise<void>;
  members(chat: T.ChatId): Promise<T.MemberView[]>;
  addMember(chat: T.ChatId, member: string): Promise<void>;
  removeMember(chat: T.ChatId, account: T.AccountId): Promise<void>;
  setRole(chat: T.ChatId, account: T.AccountId, role: T.Role): Promise<void>;
  /** Until then; `"forever"`; null for no longer. */
  mute(chat: T.ChatId, until: T.Millis | "forever" | null): Promise<void>;
  pin(chat: T.ChatId, pinned: boolean): Promise<void>;
  archive(chat: T.ChatId, archived: boolean): Promise<void>;
  setDraft(chat: T.ChatId, draft: string): Promise<void>;

  // Messages
  /** Resolves once the message is on this device's disk; it goes out by itself. */
  send(chat: T.ChatId, message: T.Outgoing): Promise<T.MessageKey>;
  edit(chat: T.ChatId, key: T.MessageKey, text: string): Promise<void>;
  /** For everyone. */
  delete(chat: T.ChatId, key: T.MessageKey): Promise<void>;
  /** For oneself: from all of one's devices, and nobody else's. */
  hide(chat: T.ChatId, keys: T.MessageKey[]): Promise<void>;
  react(chat: T.ChatId, key: T.MessageKey, emoji: string, on: boolean): Promise<void>;
  retry(chat: T.ChatId, key: T.MessageKey): Promise<void>;
  /** Oldest first; at most 500. Older history of channels is fetched from the relay as needed. */
  history(chat: T.ChatId, page: T.Page, limit: number): Promise<T.MessageView[]>;
  message(chat: T.ChatId, key: T.MessageKey): Promise<T.MessageView>;
  lastOwn(chat: T.ChatId): Promise<T.MessageKey | null>;
  deliveries(chat: T.ChatId, key: T.MessageKey): Promise<T.DeviceDelivery[]>;
  /** Messages with all these words or parts of words, newest first. */
  search(query: string, chat: T.ChatId | null, limit: number): Promise<T.Hit[]>;
  /** Up to a message, or to the end. */
  markRead(chat: T.ChatId, upto: T.MessageKey | null): Promise<void>;
  typing(chat: T.ChatId, on: boolean): Promise<void>;

  // Topics: live only, nothing is kept
  subscriptions(): Promise<string[]>;
  subscribeTopics(patterns: string[]): Promise<void>;
  unsubscribeTopics(patterns: string[]): Promise<void>;
  /** Gives how many sessions it was handed to. */
  publish(topic: string, data: string): Promise<number>;
}
