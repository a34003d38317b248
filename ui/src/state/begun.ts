// What was begun in each chat besides its draft, which the engine keeps: an answer or an edit. It stays for as long as one is
// signed in and the window is open.

import type { ChatId, MessageView } from "../backend/types";

export type Begun =
  | { begun: "reply"; line: MessageView }
  /** With what stands in the field now. */
  | { begun: "edit"; line: MessageView; text: string };

const all = new Map<ChatId, Begun>();

export function begunIn(chat: ChatId): Begun | null {
  return all.get(chat) ?? null;
}

export function keepBegun(chat: ChatId, begun: Begun | null): void {
  if (begun) all.set(chat, begun);
  else all.delete(chat);
}

export function forgetBegun(): void {
  all.clear();
}
