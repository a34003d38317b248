// Holds every pair of colours that stand on one another to WCAG 2: 4.5 for text, 3 for graphics, in both themes.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Rgba = [number, number, number, number];

const source = readFileSync("src/design/tokens.css", "utf8");

function theme(name: "light" | "dark"): Map<string, Rgba> {
  const block = source.slice(source.indexOf(`[data-theme="${name}"]`)).split("}")[0]!;
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6}|rgba\([^)]*\));/g)].map(([, token, value]) => [
      token!,
      read(value!),
    ]),
  );
}

function read(value: string): Rgba {
  if (value.startsWith("#")) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    return [r!, g!, b!, 1];
  }
  return value.match(/[\d.]+/g)!.map(Number) as Rgba;
}

function over([r, g, b, a]: Rgba, [R, G, B]: Rgba): Rgba {
  return [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
}

function luminance([r, g, b]: Rgba): number {
  const [x, y, z] = [r, g, b].map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!;
}

function contrast(a: Rgba, b: Rgba): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

/** Token, what it stands on (`a on b` lays a over b), the least contrast. */
const SURFACES = ["bg-list", "bg-chat", "bg-raised", "sel"];
const PAIRS: [string, string[], number][] = [
  [
    "text",
    [
      ...SURFACES,
      "bg-sunken",
      "bg-search",
      "accent-soft",
      "bubble-in",
      "bubble-out",
      "mark",
      "warn-soft",
      "danger-soft",
      "press on bg-list",
      "code-bg on bubble-out",
    ],
    4.5,
  ],
  ["text-2", ["bg-list", "bg-chat", "bg-raised", "bg-search", "sel", "accent-soft"], 4.5],
  ["text-3", ["bg-list", "bg-chat", "hover on bg-list"], 4.5],
  ["accent", [...SURFACES, "hover on bg-list", "bubble-in", "bubble-out", "bubble-quote on bubble-in"], 4.5],
  ["on-accent", ["accent", "accent-hover", "accent-press"], 4.5],
  ["bubble-meta", ["bubble-in", "bubble-out", "sel", "bubble-quote on bubble-in", "bubble-quote on bubble-out"], 4.5],
  ["warn", ["bg-list", "bg-chat", "warn-soft", "sel"], 4.5],
  ["danger", ["bg-list", "bg-chat", "bg-raised", "danger-soft"], 4.5],
  ["on-danger", ["danger-fill"], 4.5],
  ["badge-quiet", ["bg-list", "hover on bg-list"], 3],
  ["line-strong", ["bg-list", "bg-chat", "bg-raised"], 3],
  ["ok", ["bg-list", "bg-chat", "sel"], 3],
  ...Array.from({ length: 8 }, (_, tint): [string, string[], number] => [
    `av${tint}`,
    [`av${tint}b`, "bubble-in"],
    4.5,
  ]),
];

describe.each(["light", "dark"] as const)("%s", (name) => {
  const tokens = theme(name);
  const colour = (token: string): Rgba => {
    const found = tokens.get(token);
    if (!found) throw new Error(`no token --${token}`);
    return found;
  };
  const surface = (words: string): Rgba => {
    const [top, under] = words.split(" on ");
    return under ? over(colour(top!), colour(under)) : colour(top!);
  };

  test.each(PAIRS.flatMap(([token, places, least]) => places.map((place) => [token, place, least] as const)))(
    "%s on %s has %d",
    (token, place, least) => {
      expect(contrast(colour(token), surface(place))).toBeGreaterThanOrEqual(least);
    },
  );

  test("both themes have the same tokens", () => {
    expect([...tokens.keys()].sort()).toEqual([...theme("light").keys()].sort());
  });
});
