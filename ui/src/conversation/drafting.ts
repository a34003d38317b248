// Small rules of the composer that need no document.

/** A text with a name or a command in place of what was begun, and where the caret then stands. */
export function complete(text: string, caret: number, from: number, put: string): { text: string; caret: number } {
  const after = text.slice(caret);
  const space = /^\s/u.test(after) ? "" : " ";
  return { text: text.slice(0, from) + put + space + after, caret: from + put.length + 1 };
}

/** A text with something put where the caret or the selection is. */
export function insert(text: string, start: number, end: number, put: string): { text: string; caret: number } {
  return { text: text.slice(0, start) + put + text.slice(end), caret: start + put.length };
}

/** What is sent of what was written: without empty lines around it. */
export function sendable(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/u, "").trimEnd();
}

/** What `/me` says: a sentence about oneself, in italics. */
export function emote(username: string, words: string): string {
  return `*${username} ${words.replace(/\*/gu, "\\*")}*`;
}

/** What `/shrug` says. The arms are marks in Markdown, so they are written so that they stay. */
export function shrug(words: string): string {
  return `${words === "" ? "" : `${words} `}¯\\\\\\_(ツ)\\_/¯`;
}

/** Splits `/topic name words`. */
export function topicAndText(rest: string): { topic: string; data: string } | null {
  const found = /^(\S+)\s+([\s\S]+)$/u.exec(rest);
  return found?.[1] && found[2] ? { topic: found[1], data: found[2] } : null;
}
