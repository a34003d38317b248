// Everything that happens, handed on to whoever listens, in order. The backend is subscribed to once.

import { backend } from "../backend";
import type { Event } from "../backend/types";

type Listener = (event: Event) => void;

const listeners = new Set<Listener>();
let end: (() => void) | null = null;

/** Gives what ends it. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export async function startEvents(): Promise<void> {
  end?.();
  end = await backend().subscribe((event) => {
    for (const listener of [...listeners]) listener(event);
  });
}

export function stopEvents(): void {
  end?.();
  end = null;
  listeners.clear();
}
