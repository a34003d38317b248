// Brings the screen up: events first, so that none is missed, then who one is, then the chats.

import { backend } from "../backend";
import type { ChatView, Event } from "../backend/types";
import { forgetBegun } from "./begun";
import { t } from "../i18n/index.svelte";
import { chats } from "./chats.svelte";
import { clock } from "./clock.svelte";
import { onEvent, startEvents } from "./events";
import { followLink } from "./links";
import { nameOf } from "./names";
import { navigation } from "./navigation.svelte";
import { session } from "./session.svelte";
import { toasts } from "./toasts.svelte";
import { topics } from "./topics.svelte";
import { typing } from "./typing.svelte";
import { beginWaiting, forgetWaiting, waitingHappened } from "./waiting";

export async function start(): Promise<void> {
  clock.start();
  chats.listen();
  typing.listen();
  topics.listen();
  onEvent((event) => {
    if (event.event === "open_chat") navigation.openChat(event.chat, event.key);
    if (event.event === "open_link") followLink(event.link);
    if (event.event === "notice") notice(event);
    waitingHappened(event);
    if (event.event === "connection" && event.state === "signed_out") forget();
  });
  await bringUp(async () => {
    await startEvents();
    return session.start();
  });
}

/** After signing in. */
export async function loadChats(): Promise<void> {
  try {
    await Promise.all([chats.load(), topics.load()]);
  } catch (thrown) {
    session.failed(thrown);
  }
}

/** Opens the engine again, and everything with it. */
export function reopen(): Promise<void> {
  return bringUp(() => session.reopen());
}

/** `opened` gives the link that is to be followed, if there is one. */
async function bringUp(opened: () => Promise<string | null>): Promise<void> {
  try {
    const link = await opened();
    if (session.phase.phase !== "ready") return;
    if (session.signedIn) await loadChats();
    if (link) followLink(link);
  } catch (thrown) {
    session.failed(thrown);
  }
}

/** Signs out of this device, or of all of them. */
export async function signOut(all: boolean): Promise<void> {
  await backend().signOut(all);
  session.me = null;
  forget();
}

function forget(): void {
  navigation.clear();
  chats.clear();
  forgetBegun();
  forgetWaiting();
  topics.clear();
}

const NOTICES = ["storage", "disk_full", "old_copy", "damaged", "newer", "id_conflict", "expired"] as const;

/** What a person should know, in our words where there are any; else in the engine's. */
function notice({ chat, code, message }: Extract<Event, { event: "notice" }>): void {
  if (code === "waiting") return waits(chats.get(chat));
  const known = NOTICES.find((one) => one === code);
  toasts.show(known ? t(`list.notice_${known}`) : message);
}

function waits(chat: ChatView | null): void {
  if (chat && beginWaiting(chat.id)) toasts.show(t("list.notice_waiting", { name: nameOf(chat) }));
}
