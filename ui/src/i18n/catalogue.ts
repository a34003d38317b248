// Which languages there are, and their messages: English at once, the others when chosen.

import en from "./en";

export const LANGUAGES = ["en", "de", "ar"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A language's messages, by area and name; English says which ones there are. */
export type Messages = { [Area in keyof typeof en]: { [Name in keyof (typeof en)[Area]]: string } };

/** `area.name`. */
export type Key = { [Area in keyof typeof en]: `${Area}.${keyof (typeof en)[Area] & string}` }[keyof typeof en];

/** How a language calls itself. */
export const NAMES: Record<Language, string> = { en: "English", de: "Deutsch", ar: "العربية" };

export async function load(language: Language): Promise<Messages> {
  switch (language) {
    case "en":
      return en;
    case "de":
      return (await import("./de")).default;
    case "ar":
      return (await import("./ar")).default;
  }
}

/** The first of the wanted tags that there is a language for. */
export function choose(tags: readonly string[]): { language: Language; locale: string } {
  for (const tag of tags) {
    const base = tag.toLowerCase().split(/[-_]/)[0];
    const language = LANGUAGES.find((known) => known === base);
    if (language) return { language, locale: localeFor(language, tag, tags) };
  }
  return { language: "en", locale: localeFor("en", "en", tags) };
}

/**
 * The person's region decides how times and dates are written; digits stay Latin, as the drawings have them. A language chosen
 * without a region takes that of the system's where the system speaks it too; English that of Britain otherwise, which writes the
 * day before the month. Then at least the clock is the system's: twelve hours or twenty-four.
 */
function localeFor(language: Language, tag: string, tags: readonly string[]): string {
  const chosen = read(tag) ?? new Intl.Locale(language);
  const regional = [chosen, ...tags.map(read)].filter((one) => one?.region);
  const same = regional.find((one) => one?.language === language);
  if (same) return new Intl.Locale(same, { numberingSystem: "latn" }).toString();
  const plain = language === "en" ? new Intl.Locale("en-GB") : chosen;
  const { hourCycle } = new Intl.DateTimeFormat(regional[0] ?? plain, { hour: "numeric" }).resolvedOptions();
  return new Intl.Locale(plain, { numberingSystem: "latn", ...(hourCycle && { hourCycle }) }).toString();
}

/** Systems write `de_AT.UTF-8` for `de-AT`. */
function read(tag: string): Intl.Locale | null {
  try {
    return new Intl.Locale(tag.replace(/_/g, "-").replace(/[.@].*$/, ""));
  } catch {
    return null;
  }
}
