// What the keyboard does while it stands on a message.

import type { ChatView } from "../backend/types";
import type { MessageRow } from "./rows";
import { mayEdit, mayRemove, mayWrite, type Talk } from "./talk.svelte";

interface Context {
  walk: (step: number) => void;
  end: () => void;
  /** The message that has the focus. */
  row: MessageRow | null;
  element: HTMLElement;
  chat: ChatView;
  talk: Talk;
}

const PAGE_STEP = 10;

export function listKeys(event: KeyboardEvent, context: Context): void {
  if (event.isComposing || event.altKey) return;
  const act = actionFor(event, context);
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function actionFor(event: KeyboardEvent, context: Context): (() => void) | null {
  const { talk, row, element, chat } = context;
  const held = event.ctrlKey || event.metaKey;
  if (!held) {
    const moves: Record<string, () => void> = {
      ArrowUp: () => context.walk(-1),
      ArrowDown: () => context.walk(1),
      PageUp: () => context.walk(-PAGE_STEP),
      PageDown: () => context.walk(PAGE_STEP),
      Home: () => context.walk(-Number.MAX_SAFE_INTEGER),
      End: context.end,
    };
    const move = moves[event.key];
    if (move) return move;
    if (event.key === "Escape") return talk.selecting ? () => talk.stopSelecting() : () => talk.focusComposer();
  }
  if (!row) return null;
  const { line } = row;
  const key = event.key.toLowerCase();
  if (held) return key === "c" && !line.deleted && noSelection() ? () => void talk.copy([line]) : null;
  const writable = mayWrite(chat) && !line.deleted;
  switch (key) {
    case "enter":
      return () => (talk.selecting ? talk.select(line) : (talk.over = { over: "menu", line, at: element }));
    case " ":
    case "s":
      return () => talk.select(line);
    case "r":
      return writable ? () => talk.reply(line) : null;
    case ":":
      return writable ? () => (talk.over = { over: "reactions", line, at: element }) : null;
    case "e":
      return mayEdit(line, chat) ? () => talk.edit(line) : null;
    case "f":
      return line.deleted ? null : () => (talk.over = { over: "forward", lines: [line] });
    case "i":
      return () => (talk.over = { over: "details", line });
    case "delete":
      return mayRemove([line], chat) ? () => (talk.over = { over: "delete", lines: [line] }) : null;
    default:
      return null;
  }
}

function noSelection(): boolean {
  return (getSelection()?.toString() ?? "") === "";
}
