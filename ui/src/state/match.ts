// Finding what was typed within names and texts, whatever the case and the accents, and where to mark it.

export interface Piece {
  text: string;
  hit: boolean;
}

/** Without case and accents. Each character stays one character, so that places stay the same. */
export function fold(text: string): string {
  return [...text].map((character) => (character.length === 1 ? foldOne(character) : character)).join("");
}

const folded = new Map<string, string>();

function foldOne(character: string): string {
  if (character < "\u0080") return character.toLowerCase();
  let known = folded.get(character);
  if (known === undefined) {
    const bare = character.normalize("NFD").charAt(0).toLowerCase();
    folded.set(character, (known = bare.length === 1 ? bare : character));
  }
  return known;
}

export function wordsOf(query: string): string[] {
  return fold(query.trim()).split(/\s+/).filter(Boolean);
}

/** How well it fits: 0 not at all, 1 somewhere, 2 at a word's beginning, 3 from the start. */
export function fit(text: string, query: string): 0 | 1 | 2 | 3 {
  const words = wordsOf(query);
  const where = fold(text);
  if (words.length === 0 || !words.every((word) => where.includes(word))) return 0;
  const first = words[0]!;
  if (where.startsWith(first)) return 3;
  return /[\s\-_.,@#]/.test(where.charAt(where.indexOf(first) - 1)) ? 2 : 1;
}

/** The text in pieces, those that fit marked. */
export function pieces(text: string, query: string): Piece[] {
  const where = fold(text);
  const marked = new Array<boolean>(text.length).fill(false);
  for (const word of wordsOf(query)) {
    for (let at = where.indexOf(word); at >= 0; at = where.indexOf(word, at + word.length)) {
      marked.fill(true, at, at + word.length);
    }
  }
  const found: Piece[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const last = found.at(-1);
    if (last && last.hit === marked[index]) last.text += text.charAt(index);
    else found.push({ text: text.charAt(index), hit: marked[index]! });
  }
  return found;
}

/** A long text from a little before the first hit. */
export function snippet(text: string, query: string, before = 24): string {
  const where = fold(text);
  const first = Math.min(
    ...wordsOf(query)
      .map((word) => where.indexOf(word))
      .filter((at) => at >= 0),
  );
  if (!Number.isFinite(first) || first <= before) return text;
  const space = text.indexOf(" ", first - before);
  const from = space >= 0 && space < first ? space + 1 : first;
  return `…${text.slice(from)}`;
}
