// The words of the screen, in the language the person chose. `t("area.name", { … })` reads runes, so that what it is
// shown in repaints when the language changes.

import en from "./en";
import { choose, load, type Key, type Language, type Messages } from "./catalogue";
import { format, type Parameters } from "./message";

class Words {
  language = $state<Language>("en");
  locale = $state("en-GB");
  dir = $derived<"ltr" | "rtl">(this.language === "ar" ? "rtl" : "ltr");
  messages = $state.raw<Messages>(en);

  /** Takes the first known one of these language tags, and turns the document its way. */
  async use(tags: readonly string[]): Promise<void> {
    const { language, locale } = choose(tags);
    const messages = await load(language);
    this.messages = messages;
    this.language = language;
    this.locale = locale;
    document.documentElement.lang = language;
    document.documentElement.dir = this.dir;
  }
}

export const words = new Words();

export function t(key: Key, parameters: Parameters = {}): string {
  const dot = key.indexOf(".");
  const area = words.messages[key.slice(0, dot) as keyof Messages] as Record<string, string>;
  const message = area[key.slice(dot + 1)];
  if (message === undefined) throw new Error(`no message ${key}`);
  return format(message, parameters, words.locale);
}

export type { Key, Language } from "./catalogue";
