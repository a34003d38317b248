// What emoji are called in Arabic, as `virtual:arabic-emoji`: emojibase has no Arabic, Unicode's CLDR has. Of its two large files
// only what a picker can show goes into the bundle: for each emoji its label, then other words for it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const NAME = "virtual:arabic-emoji";
const RESOLVED = `\0${NAME}`;

type Annotations = Record<string, { default?: string[]; tts?: string[] }>;

export function arabicEmoji(): Plugin {
  return {
    name: "arabic-emoji",
    resolveId: (id) => (id === NAME ? RESOLVED : undefined),
    load: (id) =>
      id === RESOLVED ? `export default JSON.parse(${JSON.stringify(JSON.stringify(labels()))})` : undefined,
  };
}

function labels(): Record<string, string[]> {
  const known: Annotations = {
    ...read("cldr-annotations-full/annotations/ar/annotations.json").annotations.annotations,
    // Sequences: flags, and people with an occupation.
    ...read("cldr-annotations-derived-full/annotationsDerived/ar/annotations.json").annotationsDerived.annotations,
  };
  const shown: { unicode: string }[] = read("emojibase-data/en/compact.json");
  return Object.fromEntries(
    shown.flatMap(({ unicode }) => {
      // CLDR writes them without the mark that asks for a picture.
      const { tts = [], default: words = [] } = known[unicode.replaceAll("\ufe0f", "")] ?? {};
      const all = [...new Set([...tts, ...words])];
      return all.length > 0 ? [[unicode, all]] : [];
    }),
  );
}

function read(path: string) {
  return JSON.parse(readFileSync(createRequire(import.meta.url).resolve(path), "utf8"));
}
