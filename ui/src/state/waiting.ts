// Where the relay takes nothing for now: a quota, a full disk of its own. The engine tells of it at each of its tries; a person is
// told once, until something of that chat has got through.

import { backend } from "../backend";
import type { ChatId, Event, MessageKey } from "../backend/types";

/** By chat, the messages that wait in this stretch. */
const stretches = new Map<ChatId, Map<string, MessageKey>>();

/** The relay has refused something of this chat for now. Gives whether a stretch of it begins. */
export function beginWaiting(chat: ChatId): boolean {
  if (stretches.has(chat)) return false;
  stretches.set(chat, new Map());
  return true;
}

/** What happened may end a stretch, or be one more message that waits in it. */
export function waitingHappened(event: Event): void {
  if (event.event !== "message" && event.event !== "message_changed" && event.event !== "lagged") return;
  if (event.event !== "lagged") return void look(event.chat, event);
  for (const [chat, waits] of stretches) for (const key of waits.values()) void look(chat, key);
}

export function forgetWaiting(): void {
  stretches.clear();
}

async function look(chat: ChatId, { device, id }: MessageKey): Promise<void> {
  const waits = stretches.get(chat);
  if (!waits) return;
  const key = `${device} ${id}`;
  try {
    const { delivery } = await backend().message(chat, { device, id });
    if (delivery.state === "waiting") waits.set(key, { device, id });
    else if (waits.delete(key) && delivery.state !== "failed" && stretches.get(chat) === waits) stretches.delete(chat);
  } catch {
    // It is gone, or no message; another one will tell.
  }
}
