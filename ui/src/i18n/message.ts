// The messages' little language: `{name}` stands for a parameter, `{n, plural, one {# member} other {# members}}` chooses
// by the language's plural rules, `=0 {…}` wins over them, and `#` is the number as the language writes it.

export type Parameters = Record<string, string | number>;

type Part = string | { name: string } | { name: string; cases: Map<string, Part[]> } | "#hash";

const HASH = "#hash" as const;
const parsed = new Map<string, Part[]>();

/** One for each locale, as making one costs far more than using it. */
export function once<Made>(make: (locale: string) => Made): (locale: string) => Made {
  const made = new Map<string, Made>();
  return (locale) => {
    let found = made.get(locale);
    if (found === undefined) made.set(locale, (found = make(locale)));
    return found;
  };
}

export const numbers = once((locale) => new Intl.NumberFormat(locale));
const plurals = once((locale) => new Intl.PluralRules(locale));

/** The message with its parameters filled in. */
export function format(message: string, parameters: Parameters, locale: string): string {
  let parts = parsed.get(message);
  if (!parts) parsed.set(message, (parts = parse(message)));
  return render(parts, parameters, locale, null);
}

/** The names of a message's parameters, sorted. */
export function parametersOf(message: string): string[] {
  const names = new Set<string>();
  const visit = (parts: Part[]) => {
    for (const part of parts) {
      if (typeof part === "string") continue;
      names.add(part.name);
      if ("cases" in part) part.cases.forEach(visit);
    }
  };
  visit(parse(message));
  return [...names].sort();
}

function render(parts: Part[], parameters: Parameters, locale: string, count: number | null): string {
  return parts
    .map((part) => {
      if (part === HASH) return count === null ? "#" : numbers(locale).format(count);
      if (typeof part === "string") return part;
      const value = parameters[part.name];
      if (value === undefined) throw new Error(`the message wants {${part.name}}`);
      if (!("cases" in part)) return typeof value === "number" ? numbers(locale).format(value) : value;
      const number = Number(value);
      const chosen =
        part.cases.get(`=${number}`) ?? part.cases.get(plurals(locale).select(number)) ?? part.cases.get("other");
      return chosen ? render(chosen, parameters, locale, number) : "";
    })
    .join("");
}

function parse(message: string): Part[] {
  let at = 0;

  function parts(inPlural: boolean): Part[] {
    const found: Part[] = [];
    let text = "";
    const flush = () => {
      if (text) found.push(text);
      text = "";
    };
    while (at < message.length) {
      const character = message.charAt(at);
      if (character === "}" && inPlural) break;
      at += 1;
      if (character === "{") {
        flush();
        found.push(argument());
      } else if (character === "#" && inPlural) {
        flush();
        found.push(HASH);
      } else text += character;
    }
    flush();
    return found;
  }

  function argument(): Part {
    const end = message.slice(at).search(/[,}]/);
    if (end < 0) throw new Error(`an open brace in “${message}”`);
    const name = message.slice(at, at + end).trim();
    at += end;
    if (message.charAt(at) === "}") {
      at += 1;
      return { name };
    }
    const head = /^,\s*plural\s*,/.exec(message.slice(at));
    if (!head) throw new Error(`only plurals are known: “${message}”`);
    at += head[0].length;
    const cases = new Map<string, Part[]>();
    for (;;) {
      const key = /^\s*([^\s{}]+)\s*\{/.exec(message.slice(at));
      if (!key?.[1]) break;
      at += key[0].length;
      cases.set(key[1], parts(true));
      at += 1;
    }
    const close = /^\s*\}/.exec(message.slice(at));
    if (!close || !cases.has("other")) throw new Error(`an unfinished plural in “${message}”`);
    at += close[0].length;
    return { name, cases };
  }

  return parts(false);
}
