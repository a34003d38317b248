// What can be done from the composer by writing `/` and a word. A text that begins with another word stays a text.

import type { ChatView } from "../backend/types";

export type CommandName = "topic" | "invite" | "mute" | "leave" | "search" | "me" | "shrug";

export interface Command {
  name: CommandName;
  /** Whether it wants words after it. */
  wants: "nothing" | "perhaps" | "words";
  /** What to say when they are missing. */
  missing?: "conversation.command_search_wants" | "conversation.command_me_wants" | "conversation.command_topic_wants";
  /** Whether it makes sense in this chat. */
  fits: (chat: ChatView) => boolean;
}

const always = () => true;

export const COMMANDS: readonly Command[] = [
  { name: "search", wants: "words", missing: "conversation.command_search_wants", fits: always },
  { name: "me", wants: "words", missing: "conversation.command_me_wants", fits: always },
  { name: "shrug", wants: "perhaps", fits: always },
  { name: "mute", wants: "nothing", fits: always },
  { name: "invite", wants: "nothing", fits: (chat) => chat.kind !== "direct" && chat.role !== "member" },
  { name: "topic", wants: "words", missing: "conversation.command_topic_wants", fits: always },
  { name: "leave", wants: "nothing", fits: (chat) => chat.kind !== "direct" },
];

/** The word that the caret stands behind, if a command is being written there; null if not. */
export function commandAt(text: string, caret: number): string | null {
  const found = /^\/([a-z]*)$/u.exec(text.slice(0, caret));
  return found && !/^\S/u.test(text.slice(caret)) ? (found[1] ?? "") : null;
}

export function commandsFor(chat: ChatView, query: string): Command[] {
  return COMMANDS.filter((command) => command.name.startsWith(query) && command.fits(chat));
}

/** The command a text is, with the words after it; null if it is a text. `//` begins a text with a slash. */
export function commandIn(text: string, chat: ChatView): { command: Command; rest: string } | null {
  const found = /^\/([a-z]+)(?:\s+([\s\S]*))?$/u.exec(text.trim());
  const command = COMMANDS.find((known) => known.name === found?.[1] && known.fits(chat));
  if (!found || !command) return null;
  const rest = (found[2] ?? "").trim();
  if (command.wants === "nothing" && rest !== "") return null;
  return { command, rest };
}

/** What a text says once the slash that protects another is gone. */
export function unescaped(text: string): string {
  return text.startsWith("//") ? text.slice(1) : text;
}
