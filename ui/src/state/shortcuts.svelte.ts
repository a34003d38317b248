// Every keyboard shortcut, in one registry: who handles it registers it, the `?` sheet and the settings list it.

import { untrack } from "svelte";
import type { Key } from "../i18n/index.svelte";
import { session } from "./session.svelte";

export type ShortcutGroup = "general" | "list" | "conversation" | "message";

export interface Shortcut {
  /** `Mod+K`, `Alt+ArrowUp`, `Escape`, `?`, `Mod+Plus`. `Mod` is Ctrl, and ⌘ on a Mac. */
  keys: string;
  label: Key;
  group: ShortcutGroup;
  /** What it does; without it the shortcut is only listed, and whoever has the focus handles it. */
  run?: () => void;
  /** Whether it may act now. */
  when?: () => boolean;
}

class Shortcuts {
  #all = $state.raw<Shortcut[]>([]);

  get all(): Shortcut[] {
    return this.#all;
  }

  /** Adds them; gives what takes them away. */
  register(...added: Shortcut[]): () => void {
    // Read without a trace: whoever registers in an effect must not be called again by its own registration.
    this.#all = [...untrack(() => this.#all), ...added];
    return () => {
      this.#all = this.#all.filter((shortcut) => !added.includes(shortcut));
    };
  }

  /** The newest one of these keys that may act, does: the system's menu has the key press before the window. */
  act(keys: string): void {
    this.#all.findLast((shortcut) => shortcut.keys === keys && shortcut.run && (shortcut.when?.() ?? true))?.run?.();
  }

  /** The newest one that fits and may act, does; tells whether there was one. */
  handle(event: KeyboardEvent): boolean {
    if (event.defaultPrevented || event.isComposing) return false;
    const shortcut = this.#all.findLast(({ keys, run, when }) => run && matches(keys, event) && (when?.() ?? true));
    if (!shortcut?.run) return false;
    event.preventDefault();
    shortcut.run();
    return true;
  }
}

/** Whether this key press is that shortcut. Single characters act only where nothing is being written. */
export function matches(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  const mod = session.isMac ? event.metaKey : event.ctrlKey;
  const other = session.isMac ? event.ctrlKey : event.metaKey;
  if (mod !== parts.includes("Mod") || other) return false;
  if (event.altKey !== parts.includes("Alt")) return false;
  const anywhere = ANYWHERE[key];
  if (anywhere) return anywhere(event);
  const isCharacter = key.length === 1;
  if (isCharacter && parts.length === 0) return event.key === key && !isWriting(event.target);
  if (event.shiftKey !== parts.includes("Shift")) return false;
  return isCharacter ? event.key.toLowerCase() === key.toLowerCase() : event.key === key;
}

/** Keys that some keyboards have with Shift and others without, and the keypad once more. */
const ANYWHERE: Record<string, (event: KeyboardEvent) => boolean> = {
  Plus: ({ key }) => key === "+" || key === "=",
  Minus: ({ key }) => key === "-",
  Zero: ({ key, code }) => key === "0" || code === "Digit0" || code === "Numpad0",
};

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

const SIGNS: Record<string, string> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Enter: "↵",
  Plus: "+",
  Minus: "−",
  Zero: "0",
};
const MAC: Record<string, string> = { Mod: "⌘", Alt: "⌥", Shift: "⇧", Escape: "esc" };
const OTHERS: Record<string, string> = { Mod: "Ctrl", Escape: "Esc", Delete: "Del", PageUp: "PgUp", PageDown: "PgDn" };

/** As a key cap shows it: `Ctrl F`, `⌘F`. */
export function shownKeys(keys: string): string {
  const parts = keys.split("+").map((part) => (session.isMac ? MAC[part] : OTHERS[part]) ?? SIGNS[part] ?? part);
  return parts.join(session.isMac ? "" : " ");
}

export const shortcuts = new Shortcuts();
