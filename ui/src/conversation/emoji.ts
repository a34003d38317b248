// The emoji there are: loaded when a picker first opens, searched by the words people use for them. The glyphs are the
// platform's.

import type { Language } from "../i18n/index.svelte";
import { fold } from "../state/match";

export interface Emoji {
  emoji: string;
  label: string;
  words: string;
  group: number;
  /** By tone from light to dark, where there are tones. */
  tones: string[];
}

/** The groups a picker shows, by number in the data; 2 holds parts that mean nothing alone. */
export const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9] as const;
export type Group = (typeof GROUPS)[number];

/** What one reacts with most, before one has reacted at all. */
export const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"] as const;

interface Compact {
  unicode: string;
  label: string;
  tags?: string[];
  group?: number;
  order?: number;
  skins?: { unicode: string }[];
}

const loaded = new Map<Language, Promise<Emoji[]>>();

/** All of them, in their usual order, labelled in a language. */
export function loadEmoji(language: Language): Promise<Emoji[]> {
  let found = loaded.get(language);
  if (!found) {
    found = fetchData(language).then(arrange);
    found.catch(() => loaded.delete(language));
    loaded.set(language, found);
  }
  return found;
}

async function fetchData(language: Language): Promise<Compact[]> {
  if (language === "de") return (await import("emojibase-data/de/compact.json")).default as Compact[];
  const english = (await import("emojibase-data/en/compact.json")).default as Compact[];
  return language === "ar" ? relabel(english, (await import("virtual:arabic-emoji")).default) : english;
}

/** In another language; what it was called before still finds it. */
export function relabel(data: readonly Compact[], labels: Record<string, string[]>): Compact[] {
  return data.map((one) => {
    const [label, ...tags] = labels[one.unicode] ?? [];
    return label ? { ...one, label, tags: [...tags, one.label, ...(one.tags ?? [])] } : one;
  });
}

export function arrange(data: readonly Compact[]): Emoji[] {
  return data
    .filter((one) => one.group !== undefined && one.group !== 2)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map(({ unicode, label, tags, group, skins }) => ({
      emoji: unicode,
      label,
      words: fold([label, ...(tags ?? [])].join(" ")),
      group: group ?? 0,
      // With two people there are more than five; those of one tone for both come first in the data.
      tones: (skins ?? []).slice(0, 5).map((skin) => skin.unicode),
    }));
}

/** Those that all the words fit, best first: the label begins with it, a word begins with it, it is somewhere. */
export function findEmoji(all: readonly Emoji[], query: string): Emoji[] {
  const wanted = fold(query.trim());
  if (wanted === "") return [];
  const parts = wanted.split(/\s+/u);
  const rank = (one: Emoji): number => {
    if (one.emoji === wanted) return 0;
    if (!parts.every((part) => one.words.includes(part))) return 9;
    const label = fold(one.label);
    if (label === wanted) return 1;
    if (label.startsWith(wanted)) return 2;
    if (parts.every((part) => ` ${one.words}`.includes(` ${part}`))) return 3;
    return 4;
  };
  return all
    .map((one, index) => ({ one, index, rank: rank(one) }))
    .filter((found) => found.rank < 9)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map((found) => found.one);
}

/** An emoji in a tone: 0 is none, 1 to 5 from light to dark. */
export function toned(one: Emoji, tone: number): string {
  return (tone > 0 && one.tones[tone - 1]) || one.emoji;
}

const RECENT = "parley.emoji.recent";
const TONE = "parley.emoji.tone";
const KEPT = 24;

/** What was picked last, newest first. Kept by this window alone; it is a comfort, so a full storage loses it. */
export function recentEmoji(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function rememberEmoji(emoji: string): void {
  keep(RECENT, JSON.stringify([emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, KEPT)));
}

export function keptTone(): number {
  const tone = Number(read(TONE));
  return tone >= 1 && tone <= 5 ? tone : 0;
}

export function keepTone(tone: number): void {
  keep(TONE, String(tone));
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing of worth is lost.
  }
}
