// A hint on how hard a password is to guess. It never refuses one: that is the relay's to do, and it counts bytes.
//
// A rough guess at the number of tries: what a guesser takes in one step (a common word, a run, a repetition, the person's own
// name) counts as one step, whatever its length.

export type Strength = "weak" | "fair" | "good";

/** What guessers try first; also as parts of longer passwords. */
const COMMON = (
  "password passwort qwerty qwertz azerty asdf zxcv letmein welcome admin login master dragon monkey shadow sunshine princess " +
  "football baseball iloveyou trustno secret hello freedom whatever superman batman pokemon starwars computer internet summer " +
  "winter spring autumn sommer geheim hallo schatz passw0rd p@ssword p@ssw0rd parley relay"
).split(" ");

/** What one guess of each kind is worth, in bits. */
const WORD = 10;
const RUN = 7;

/** `own` is what a guesser would know already: the person's name, address and the like. */
export function strengthOf(password: string, own: string[]): Strength {
  const bits = bitsOf(password.normalize("NFKC").toLowerCase(), own) + caseBits(password);
  if (bits < 36) return "weak";
  return bits < 56 ? "fair" : "good";
}

function bitsOf(text: string, own: string[]): number {
  const known = [...own.flatMap((word) => word.toLowerCase().split(/[@.\s_-]+/)), ...COMMON].filter(
    (word) => word.length > 3,
  );
  let rest = text;
  let bits = 0;
  for (const word of known.sort((a, b) => b.length - a.length)) {
    const without = rest.replaceAll(word, " ");
    if (without !== rest) bits += WORD;
    rest = without;
  }
  return wordsIn(rest).reduce((sum, word) => sum + wordBits(word), bits);
}

function wordsIn(text: string): string[] {
  return [...new Set(text.split(/\s+/).filter(Boolean))];
}

function wordBits(word: string): number {
  const left = withoutRuns([...word]);
  const perChar = Math.log2(poolOf(word));
  const runs = left.length < [...word].length ? RUN : 0;
  return left
    .join("")
    .split(/(\p{L}{4,})/u)
    .reduce((sum, part) => sum + (/^\p{L}{4}/u.test(part) ? letterBits(part) : [...part].length * perChar), runs);
}

/** Letters in a row are likely an entry of a dictionary, or a few of them joined. */
function letterBits(letters: string): number {
  const spelled = [...letters].length * Math.log2(26);
  return Math.min(spelled, Math.max(18, spelled * 0.5));
}

function poolOf(word: string): number {
  const pools: [RegExp, number][] = [
    [/[a-z]/, 26],
    [/\d/, 10],
    [/[^\p{L}\p{N}]/u, 33],
    [/[^\u0000-\u007f]/, 60],
  ];
  return pools.reduce((sum, [has, size]) => (has.test(word) ? sum + size : sum), 0) || 10;
}

/** Keeps one character of each run such as `aaaa`, `1234` or `dcba`. */
function withoutRuns(chars: string[]): string[] {
  const step = (at: number) => (chars[at]?.codePointAt(0) ?? 0) - (chars[at - 1]?.codePointAt(0) ?? 0);
  return chars.filter((_, at) => {
    if (at < 2) return true;
    const change = step(at);
    return Math.abs(change) > 1 || change !== step(at - 1);
  });
}

/** Capital letters in the middle are worth something; a first one is what everybody does. */
function caseBits(password: string): number {
  return Math.min(6, [...password.slice(1)].filter((char) => /\p{Lu}/u.test(char)).length * 1.5);
}
