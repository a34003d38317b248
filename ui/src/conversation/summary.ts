// A message in one line, for quotes, strips and lists: without its marks, without line breaks, not long.

import { plain } from "./links";

const CHARS = 240;

export function summary(text: string): string {
  const line = text
    .slice(0, CHARS * 2)
    .replace(/```[a-z]*/giu, " ")
    .replace(/[`*]{1,3}|~~/gu, "")
    .replace(/^\s*>\s?/gmu, "")
    .replace(/\s+/gu, " ");
  return plain(line).trim().slice(0, CHARS);
}
