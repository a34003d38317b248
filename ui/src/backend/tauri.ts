// The engine behind the window: each call is a command of the shell of the same name, and so is asking for what has happened. The only
// file that imports @tauri-apps/*. Commands are in snake case and their arguments in camel case, as the shell has them.

import { invoke } from "@tauri-apps/api/core";
import type { Backend } from "./backend";
import type { Event } from "./types";

/** What happened could not be heard: whoever listens looks at everything anew, and a moment later it is asked for again. */
const MISSED: Event[] = [{ event: "lagged" }];
const PAUSE = 1_000;

export const tauri: Backend = {
  // The window
  start: () => invoke("start"),
  async subscribe(listener) {
    let listens = true;
    await invoke("subscribe");
    void (async () => {
      while (listens) {
        // The answer comes as soon as there is something, or empty after a while; null once another page listens.
        const events = await invoke<Event[] | null>("next_events").catch(() => MISSED);
        if (events === null) return;
        if (events === MISSED) await new Promise((resolve) => setTimeout(resolve, PAUSE));
        for (const event of events) {
          try {
            if (listens) listener(event);
          } catch (error) {
            reportError(error);
          }
        }
      }
    })();
    return () => {
      listens = false;
    };
  },
  setPreferences: (preferences) => invoke("set_preferences", { preferences }),
  profiles: () => invoke("profiles"),
  openProfile: (name) => invoke("open_profile", { name }),
  reopen: () => invoke("reopen"),
  openExternal: (url) => invoke("open_external", { url }),
  copy: (text) => invoke("copy", { text }),
  paste: () => invoke("paste"),
  licences: () => invoke("licences"),
  setVisibleChat: (chat) => invoke("set_visible_chat", { chat }),
  quit: () => invoke("quit"),

  // Account
  me: () => invoke("me"),
  connection: () => invoke("connection"),
  checkRelay: (relay) => invoke("check_relay", { relay }),
  checkUsername: (relay, request) => invoke("check_username", { relay, request }),
  signUp: (relay, request) => invoke("sign_up", { relay, request }),
  signIn: (relay, request) => invoke("sign_in", { relay, request }),
  signOut: (all) => invoke("sign_out", { all }),
  inKeychain: () => invoke("in_keychain"),
  changePassword: (current, next) => invoke("change_password", { current, next }),
  deleteAccount: (password) => invoke("delete_account", { password }),
  account: () => invoke("account"),
  showPresence: (show) => invoke("show_presence", { show }),
  devices: () => invoke("devices"),
  renameDevice: (device, name) => invoke("rename_device", { device, name }),
  revokeDevice: (device) => invoke("revoke_device", { device }),
  settings: () => invoke("settings"),
  setSettings: (settings) => invoke("set_settings", { settings }),
  setActivity: (activity) => invoke("set_activity", { activity }),
  retryNow: () => invoke("retry_now"),

  // People
  findUsers: (query) => invoke("find_users", { query }),
  blocked: () => invoke("blocked"),
  setBlocked: (account, blocked) => invoke("set_blocked", { account, blocked }),

  // Chats
  chats: () => invoke("chats"),
  chat: (chat) => invoke("chat", { chat }),
  newDirect: (member) => invoke("new_direct", { member }),
  newGroup: (title, members) => invoke("new_group", { title, members }),
  newChannel: (title, description, isPublic) => invoke("new_channel", { title, description, isPublic }),
  findPublic: (query) => invoke("find_public", { query }),
  join: (chat) => invoke("join", { chat }),
  showInvite: (code) => invoke("show_invite", { code }),
  joinByInvite: (code) => invoke("join_by_invite", { code }),
  createInvite: (chat, expiresIn, uses) => invoke("create_invite", { chat, expiresIn, uses }),
  invites: (chat) => invoke("invites", { chat }),
  revokeInvite: (chat, code) => invoke("revoke_invite", { chat, code }),
  leave: (chat) => invoke("leave", { chat }),
  deleteChat: (chat) => invoke("delete_chat", { chat }),
  describe: (chat, title, description) => invoke("describe", { chat, title, description }),
  setRetention: (chat, seconds) => invoke("set_retention", { chat, seconds }),
  members: (chat) => invoke("members", { chat }),
  addMember: (chat, member) => invoke("add_member", { chat, member }),
  removeMember: (chat, account) => invoke("remove_member", { chat, account }),
  setRole: (chat, account, role) => invoke("set_role", { chat, account, role }),
  mute: (chat, until) => invoke("mute", { chat, until }),
  pin: (chat, pinned) => invoke("pin", { chat, pinned }),
  archive: (chat, archived) => invoke("archive", { chat, archived }),
  setDraft: (chat, draft) => invoke("set_draft", { chat, draft }),

  // Messages
  send: (chat, message) => invoke("send", { chat, message }),
  edit: (chat, key, text) => invoke("edit", { chat, key, text }),
  delete: (chat, key) => invoke("delete", { chat, key }),
  hide: (chat, keys) => invoke("hide", { chat, keys }),
  react: (chat, key, emoji, on) => invoke("react", { chat, key, emoji, on }),
  retry: (chat, key) => invoke("retry", { chat, key }),
  history: (chat, page, limit) => invoke("history", { chat, page, limit }),
  message: (chat, key) => invoke("message", { chat, key }),
  lastOwn: (chat) => invoke("last_own", { chat }),
  deliveries: (chat, key) => invoke("deliveries", { chat, key }),
  search: (query, chat, limit) => invoke("search", { query, chat, limit }),
  markRead: (chat, upto) => invoke("mark_read", { chat, upto }),
  typing: (chat, on) => invoke("typing", { chat, on }),

  // Topics
  subscriptions: () => invoke("subscriptions"),
  subscribeTopics: (patterns) => invoke("subscribe_topics", { patterns }),
  unsubscribeTopics: (patterns) => invoke("unsubscribe_topics", { patterns }),
  publish: (topic, data) => invoke("publish", { topic, data }),
};
