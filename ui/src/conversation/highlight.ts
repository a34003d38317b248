// Where the words of a search stand in a text.

export interface Part {
  text: string;
  hit: boolean;
}

export function highlight(text: string, words: readonly string[]): Part[] {
  const wanted = words.filter((word) => word !== "");
  if (wanted.length === 0) return [{ text, hit: false }];
  const pattern = wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/gu, "\\$&")).join("|");
  const parts: Part[] = [];
  let done = 0;
  for (const found of text.matchAll(new RegExp(pattern, "giu"))) {
    if (found.index > done) parts.push({ text: text.slice(done, found.index), hit: false });
    parts.push({ text: found[0], hit: true });
    done = found.index + found[0].length;
  }
  if (done < text.length || parts.length === 0) parts.push({ text: text.slice(done), hit: false });
  return parts;
}
