// Every language has every message, with the same parameters and the plural forms that its rules ask for.

import { expect, test } from "vitest";
import { choose, LANGUAGES, load, type Messages } from "./catalogue";
import { format, parametersOf } from "./message";

const flat = (messages: Messages): [string, string][] =>
  Object.entries(messages).flatMap(([area, all]) =>
    Object.entries(all as Record<string, string>).map(([name, text]): [string, string] => [`${area}.${name}`, text]),
  );

test.each(LANGUAGES)("%s has the same messages as English, with the same parameters", async (language) => {
  const english = new Map(flat(await load("en")));
  const other = new Map(flat(await load(language)));
  expect([...other.keys()].sort()).toEqual([...english.keys()].sort());
  for (const [key, text] of other) {
    expect([key, parametersOf(text)]).toEqual([key, parametersOf(english.get(key)!)]);
    expect([key, text.trim()]).not.toEqual([key, ""]);
  }
});

test.each(LANGUAGES)("%s has the plural forms it needs", async (language) => {
  const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
  for (const [key, text] of flat(await load(language))) {
    for (const [plural] of text.matchAll(/\{\w+, plural,(?:[^{}]|\{[^{}]*\})*\}/g)) {
      const given = [...plural.matchAll(/(\w+)\s*\{/g)]
        .map(([, category]) => category)
        .filter((word) => word !== "plural");
      // Arabic may count none and many as it counts the rest; a pair and a few never.
      const needed = pluralCategories.filter((category) => category !== "zero" && category !== "many");
      // A sentence without the number in it may be the same for every number but one.
      if (!plural.includes("#")) continue;
      const missing = needed.filter((category) => !given.includes(category));
      expect([key, missing]).toEqual([key, []]);
    }
  }
});

test("no message raises its voice", async () => {
  for (const language of LANGUAGES) {
    const loud = flat(await load(language)).filter(([, text]) => text.includes("!"));
    expect(loud).toEqual([]);
  }
});

test("Arabic counts a hundred otherwise than it counts eleven", async () => {
  for (const [key, text] of flat(await load("ar"))) {
    // A noun that ends so is that of eleven to ninety-nine.
    const amiss = [...text.matchAll(/other \{((?:[^{}]|\{[^{}]*\})*)\}/g)].filter(([, form]) =>
      /# \p{L}+ًا/u.test(form!),
    );
    expect([key, amiss.map(([form]) => form)]).toEqual([key, []]);
  }
});

test("Arabic says who does something without taking anybody for a man", async () => {
  const words = await load("ar");
  const doing = (text: string) =>
    format(text, { n: 1, who: "لينا", name: "لينا", actor: "لينا", subject: "مارا" }, "ar");
  expect(doing(words.conversation.typing)).toBe("جارٍ الكتابة: لينا");
  expect(doing(words.list.typing_who)).toBe("لينا: جارٍ الكتابة…");
  // A verb before a name would have to agree with it. What stands before one is a noun or a preposition.
  const nouns = /(?:بواسطة|دور|إضافة|إزالة|إنشاء|انضمام|مغادرة|إلى|لدى|حظر|الكتابة:) *\{(?:actor|who)\}/u;
  const acting = flat(words).filter(([, text]) => /\{(?:actor|who)\}/.test(text));
  const amiss = acting.filter(([key, text]) => !/announce|reaction_of|nth_device/.test(key) && !nouns.test(text));
  expect(amiss).toEqual([]);
});

test("plurals follow the language's rules", () => {
  const members = "{n, plural, =0 {nobody} one {# member} other {# members}}";
  expect(format(members, { n: 0 }, "en")).toBe("nobody");
  expect(format(members, { n: 1 }, "en")).toBe("1 member");
  expect(format(members, { n: 2_500 }, "en")).toBe("2,500 members");
  expect(format("{n, plural, two {يومان} other {# يوم}}", { n: 2 }, "ar")).toBe("يومان");
});

test("a parameter's own braces stay as they are", () => {
  expect(format("to {name}", { name: "{n, plural, other {x}}" }, "en")).toBe("to {n, plural, other {x}}");
});

test("a missing parameter is a mistake, not a hole", () => {
  expect(() => format("to {name}", {}, "en")).toThrow("name");
});

test("a language chosen without a region is written as the system's region writes it, if that speaks it", () => {
  const localeOf = (...tags: string[]) => choose(tags).locale;
  expect(localeOf("en", "en-AU")).toBe("en-AU-u-nu-latn");
  expect(localeOf("en", "de-DE", "en-US")).toBe("en-US-u-nu-latn");
  expect(localeOf("de", "en-GB", "de-AT")).toBe("de-AT-u-nu-latn");
  expect(localeOf("ar", "ar_EG.UTF-8")).toBe("ar-EG-u-nu-latn");
  expect(localeOf("en", "de-DE")).toBe("en-GB-u-hc-h23-nu-latn");
  expect(localeOf("en", "es-US")).toBe("en-GB-u-hc-h12-nu-latn");
  expect(localeOf("de", "en-US")).toBe("de-u-hc-h12-nu-latn");
  expect(localeOf("en")).toBe("en-GB-u-hc-h23-nu-latn");
  expect(localeOf("fr-FR")).toBe("en-GB-u-hc-h23-nu-latn");
  expect(localeOf()).toBe("en-GB-u-hc-h23-nu-latn");
});

test("the first wanted language that there is, is taken", () => {
  expect(choose(["fr-FR", "de-AT", "en"])).toEqual({ language: "de", locale: "de-AT-u-nu-latn" });
  expect(choose(["ar_EG.UTF-8"])).toEqual({ language: "ar", locale: "ar-EG-u-nu-latn" });
  expect(choose(["xx"]).language).toBe("en");
  expect(choose([]).language).toBe("en");
});
