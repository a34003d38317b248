// Every scene, looked at: light and dark, three widths, right to left, large text, forced colours. Each must satisfy axe,
// fit its window, and draw no complaint; the pictures are kept in tests/pictures for a person to look at.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Options } from "./browser";

const FOLDER = fileURLToPath(new URL("../pictures", import.meta.url));

/** What says that the scene is there. */
const READY: Record<string, string> = {
  main: "text=Wind decides",
  list: "text=Harbour Street 12",
  rtl: "text=القرار للريح",
  group: "text=the plumber comes",
  channel: "text=axle spanner",
  failed: "text=The floor plan for the workshop, with",
  offline: "text=no more bailing",
  empty: "main h1",
  loading: ".skeleton",
  start: "h1",
  revoked: "h1",
  incompatible: "text=This relay speaks another version",
  broken: "h1",
  hostile: "text=mailto:a@b.example",
  big: "text=100000:",
};

const VIEWS: { name: string; scenes: string[]; options: Options }[] = [
  ...(["light", "dark"] as const).map((theme) => ({ name: theme, scenes: Object.keys(READY), options: { theme } })),
  ...(["light", "dark"] as const).map((theme) => ({
    name: `narrow-${theme}`,
    scenes: ["main", "list", "empty", "start", "offline"],
    options: { theme, width: 400, height: 720, scale: 2 },
  })),
  { name: "900", scenes: ["main", "group", "channel", "rtl", "failed"], options: { width: 900, height: 640 } },
  { name: "1600", scenes: ["main", "group", "start"], options: { width: 1600, height: 900 } },
  { name: "text-200", scenes: ["main", "list", "group", "empty", "start"], options: { text: 2 } },
  { name: "ar-narrow", scenes: ["rtl", "list", "start"], options: { lang: "ar", width: 400, height: 720 } },
  { name: "de", scenes: ["main", "offline", "empty"], options: { lang: "de" } },
  { name: "forced", scenes: ["main", "list"], options: { forcedColors: true } },
];

describe.each(VIEWS)("$name", ({ name, scenes, options }) => {
  let chromium: Chromium;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    chromium = await Chromium.launch(options);
  });
  afterAll(() => chromium.close());

  test.each(scenes)("%s", async (scene) => {
    const screen = await chromium.open(scene, options);
    const { page } = screen;
    await page.waitForSelector(READY[scene]!, { state: "visible" });
    await page.screenshot({ path: `${FOLDER}/${scene}-${name}.png` });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide).toBe(0);
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    await screen.isAccessible();
    expect(screen.complaints).toEqual([]);
    await page.close();
  });
});
