// Names in a text: which one is being written, who is meant, and where they stand. A username has letters, digits, `_`,
// `-` and `.`, and is the same in whatever case.

import type { AccountId } from "../backend/types";
import type { Inline } from "./markdown";

export interface Person {
  account: AccountId;
  username: string;
}

/** A piece of text, or a name in it that means somebody. */
export type Piece = { text: string; person: null } | { text: string; person: Person };

const NAME = /@([\p{L}\p{N}][\p{L}\p{N}_.-]*)/gu;
const BEFORE = /[\p{L}\p{N}_.-]/u;
const MOST = 8;

/** The `@…` the caret stands in or behind; null if it stands in none. */
export function mentionAt(text: string, caret: number): { from: number; query: string } | null {
  const found = /(?:^|[^\p{L}\p{N}_.@-])@([\p{L}\p{N}_.-]{0,32})$/u.exec(text.slice(0, caret));
  if (!found) return null;
  const query = found[1] ?? "";
  return { from: caret - query.length - 1, query };
}

/** Who may be meant by the beginning of a name: those whose name begins with it first, then those whose name has it. */
export function candidates(people: readonly Person[], query: string): Person[] {
  const wanted = query.toLowerCase();
  const rank = (person: Person): number => person.username.toLowerCase().indexOf(wanted);
  return people
    .filter((person) => rank(person) >= 0)
    .sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1) || a.username.localeCompare(b.username))
    .slice(0, MOST);
}

/** A text in pieces, names of these people apart. */
export function pieces(text: string, people: readonly Person[]): Piece[] {
  if (people.length === 0 || !text.includes("@")) return [{ text, person: null }];
  const byName = new Map(people.map((person) => [person.username.toLowerCase(), person]));
  const found: Piece[] = [];
  let done = 0;
  for (const match of text.matchAll(NAME)) {
    const at = match.index;
    if (at > 0 && BEFORE.test(text.charAt(at - 1))) continue;
    // What ends a sentence may also be part of a name: the longest name that somebody has wins.
    let name = match[1] ?? "";
    while (name !== "" && !byName.has(name.toLowerCase()) && /[_.-]$/u.test(name)) name = name.slice(0, -1);
    const person = byName.get(name.toLowerCase());
    if (!person) continue;
    if (at > done) found.push({ text: text.slice(done, at), person: null });
    found.push({ text: `@${name}`, person });
    done = at + 1 + name.length;
  }
  if (done < text.length || found.length === 0) found.push({ text: text.slice(done), person: null });
  return found;
}

/** Whom a text names, each once. */
export function mentioned(text: string, people: readonly Person[]): AccountId[] {
  return [...new Set(pieces(text, people).flatMap((piece) => piece.person?.account ?? []))];
}

/** Whether a text is a few emoji and nothing else: those show large. */
export function isOnlyEmoji(children: readonly Inline[]): boolean {
  const [only] = children;
  if (children.length !== 1 || only?.kind !== "text" || only.text.length > 60) return false;
  // Nearly every message has a letter; only the others are taken apart.
  if (/\p{L}/u.test(only.text)) return false;
  const shown = [...graphemes.segment(only.text.trim())].map((part) => part.segment);
  const emoji = shown.filter((segment) => segment.trim() !== "");
  return emoji.length > 0 && emoji.length <= 6 && emoji.every((segment) => EMOJI.test(segment));
}

const graphemes = new Intl.Segmenter();
const EMOJI =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f?|[\u{1f1e6}-\u{1f1ff}]{2}|[0-9#*]\ufe0f?\u20e3)/u;
