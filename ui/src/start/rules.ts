// What a relay takes as username, e-mail address and password, so that a field can say what is wrong before it is sent.
//
// Pure. The relay has the last word: where this cannot tell (scripts that it does not know), it lets pass.

export type NameFault = "empty" | "short" | "long" | "characters" | "beginning" | "scripts";
export type EmailFault = "empty" | "shape";
export type PasswordFault = "empty" | "short" | "long";

const NAME_LENGTH = { min: 2, max: 32 };
const PASSWORD_BYTES = { min: 8, max: 1024 };
const EMAIL_LENGTH = 254;

/** What is wrong with a username, or null. */
export function nameFault(name: string): NameFault | null {
  const shown = [...name.trim().normalize("NFKC")];
  const first = shown[0];
  if (first === undefined) return "empty";
  if (shown.length < NAME_LENGTH.min) return "short";
  if (shown.length > NAME_LENGTH.max) return "long";
  if (!shown.every((char) => LETTER_OR_DIGIT.test(char) || "_-.".includes(char))) return "characters";
  if (!LETTER_OR_DIGIT.test(first)) return "beginning";
  return isOneScript(shown) ? null : "scripts";
}

const LETTER_OR_DIGIT = /^[\p{Alphabetic}\p{N}]$/u;

/** Scripts in which names are written; a letter of any other one counts as fitting everywhere. */
const SCRIPTS = (
  "Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada " +
  "Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Khmer Mongolian Hiragana Katakana Bopomofo Han"
)
  .split(" ")
  .map((name) => ({ name, letters: new RegExp(`^\\p{Script_Extensions=${name}}$`, "u") }));

/** Writing systems that use several scripts side by side (Unicode TS 39, "Augmented Script Sets"). */
const TOGETHER: Record<string, string[]> = {
  Han: ["Hanb", "Jpan", "Kore"],
  Hiragana: ["Jpan"],
  Katakana: ["Jpan"],
  Hangul: ["Kore"],
  Bopomofo: ["Hanb"],
};

function isOneScript(chars: string[]): boolean {
  let common: string[] | null = null;
  for (const char of chars) {
    const own = SCRIPTS.filter((script) => script.letters.test(char)).map((script) => script.name);
    if (own.length === 0) continue;
    const fitting: string[] = own.flatMap((name) => [name, ...(TOGETHER[name] ?? [])]);
    const before: string[] = common ?? fitting;
    common = before.filter((name) => fitting.includes(name));
  }
  return common === null || common.length > 0;
}

/** What is wrong with an e-mail address, or null. Only a message sent there would tell whether it is one. */
export function emailFault(text: string): EmailFault | null {
  const shown = text.trim();
  if (shown === "") return "empty";
  const at = shown.lastIndexOf("@");
  const local = shown.slice(0, at);
  const labels = shown.slice(at + 1).split(".");
  const fits =
    at > 0 &&
    bytes(shown) <= EMAIL_LENGTH &&
    bytes(local) <= 64 &&
    !local.includes("@") &&
    !/[\s\p{Cc}]/u.test(shown) &&
    labels.length >= 2 &&
    labels.every((label) => /^(?!-)[\p{Alphabetic}\p{N}-]+(?<!-)$/u.test(label));
  return fits ? null : "shape";
}

/** What is wrong with a new password, or null. */
export function passwordFault(password: string): PasswordFault | null {
  const length = bytes(password);
  if (length === 0) return "empty";
  if (length < PASSWORD_BYTES.min) return "short";
  return length > PASSWORD_BYTES.max ? "long" : null;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
