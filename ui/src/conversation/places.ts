// Where one was in each chat, for as long as the window is open: coming back, one finds it so.

import type { ChatId, MessageKey, Page } from "../backend/types";

export interface Place extends MessageKey {
  /** Pixels from the top edge of the list to the top of the message. */
  offset: number;
}

/** The part of the conversation in which a message stands. */
export function around({ device, id }: MessageKey): Page {
  return { page: "around", device, id };
}

const places = new Map<ChatId, Place>();

export function placeIn(chat: ChatId): Place | null {
  return places.get(chat) ?? null;
}

/** Null: at the end, where one finds oneself anyway. */
export function keepPlace(chat: ChatId, place: Place | null): void {
  if (place) places.set(chat, place);
  else places.delete(chat);
}
