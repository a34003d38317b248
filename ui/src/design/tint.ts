// Which of the eight tints somebody has, and which letters stand for them: the same everywhere, from the id and name alone.

/** 0 to 7, by an FNV-1a hash. */
export function tint(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % 8;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One letter for a person, up to two for a group. */
export function initials(name: string, most: 1 | 2): string {
  const words = name.split(/[\s\-_.,·/]+/u).filter((word) => /^[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(word));
  const lettered = words.filter((word) => /^\p{L}/u.test(word));
  const chosen = lettered.length > 0 ? lettered : words;
  // Letters that join with their neighbours would read as a word of their own.
  const joins = /^\p{Script=Arabic}/u.test(chosen[0] ?? "");
  return chosen
    .slice(0, joins ? 1 : most)
    .map((word) => firstGrapheme(word).toLocaleUpperCase())
    .join("");
}

function firstGrapheme(word: string): string {
  const [first] = graphemes.segment(word);
  // A letter buried in marks is shown bare: in a circle of 40 there is room for no more.
  return first ? [...first.segment].slice(0, /\p{Extended_Pictographic}/u.test(first.segment) ? 8 : 1).join("") : "";
}
