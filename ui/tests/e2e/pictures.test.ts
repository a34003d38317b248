// Every scene, looked at: light and dark, three widths, right to left, large text, forced colours. Each must satisfy axe,
// fit its window, and draw no complaint; the pictures are kept in tests/pictures for a person to look at.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Options, type Screen } from "./browser";
import { reachingOut } from "./fit";

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
  ...(["light", "dark"] as const).flatMap((theme) => [
    {
      name: `900-${theme}`,
      scenes: ["main", "group", "channel", "rtl", "failed"],
      options: { theme, width: 900, height: 640 },
    },
    { name: `1600-${theme}`, scenes: ["main", "group", "start"], options: { theme, width: 1600, height: 900 } },
  ]),
  { name: "text-200", scenes: ["main", "list", "group", "empty", "start"], options: { text: 2 } },
  { name: "ar-narrow", scenes: ["rtl", "list", "start"], options: { lang: "ar", width: 400, height: 720 } },
  { name: "de", scenes: ["main", "offline", "empty"], options: { lang: "de" } },
  { name: "forced", scenes: ["main", "list"], options: { forcedColors: true } },
];

/** What hangs over the conversation, or stands in its place: how one gets there, and what says that it is there. */
const OVERLAYS: Record<string, { scene: string; ready: string; reach: (screen: Screen) => Promise<void> }> = {
  menu: {
    scene: "main",
    ready: "[role=menu]",
    reach: ({ page }) => page.locator(".bubble", { hasText: "worked on the first" }).click({ button: "right" }),
  },
  delete: {
    scene: "main",
    ready: "dialog",
    reach: async ({ page }) => {
      await page.locator("[data-message]", { hasText: "That is closer" }).last().focus();
      await page.keyboard.press("Delete");
    },
  },
  picker: {
    scene: "group",
    ready: ".picker [data-cell='12']",
    reach: ({ page }) => page.locator(".composer .icon-button").first().click(),
  },
  side: { scene: "group", ready: "aside li >> nth=4", reach: (screen) => screen.press("Control+Shift+P") },
  person: { scene: "main", ready: "aside .kept", reach: (screen) => screen.press("Control+Shift+P") },
  keep: {
    scene: "group",
    ready: "dialog input:checked",
    reach: async (screen) => {
      await screen.press("Control+Shift+P");
      await screen.page.locator("aside .row", { hasText: "Keep messages" }).click();
    },
  },
  details: {
    scene: "group",
    ready: "dialog li",
    reach: async ({ page }) => {
      await page.locator("[data-message]", { hasText: "Thank you, Ben" }).last().focus();
      await page.keyboard.press("i");
    },
  },
  card: { scene: "main", ready: ".hung .card", reach: ({ page }) => page.locator(".badge").click() },
  new: { scene: "main", ready: "dialog [role=option]", reach: (screen) => screen.press("Control+n") },
  invites: { scene: "group", ready: "dialog .inside", reach: (screen) => screen.press("Control+i") },
  palette: { scene: "main", ready: "#palette [role=option]", reach: (screen) => screen.press("Control+k") },
  settings: { scene: "main", ready: ".settings", reach: (screen) => screen.press("Control+,") },
  privacy: {
    scene: "main",
    ready: "[role=radiogroup] >> nth=2",
    reach: async (screen) => {
      await screen.press("Control+,");
      await screen.page.getByRole("button", { name: "Privacy" }).click();
    },
  },
  signup: {
    scene: "start",
    ready: "input[type=email]",
    reach: async ({ page }) => {
      await page.locator("input").fill("relay.harbour.example");
      await page.locator("button[type=submit]").click();
    },
  },
};

const SIZES: Options[] = [
  { width: 400, height: 720 },
  { width: 900, height: 640 },
  { width: 1600, height: 900 },
];

async function isSound({ page, complaints }: Screen, picture: string): Promise<void> {
  await page.screenshot({ path: `${FOLDER}/${picture}.png` });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide).toBe(0);
  expect(await reachingOut(page)).toEqual([]);
  expect(complaints).toEqual([]);
}

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
    await isSound(screen, `${scene}-${name}`);
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    await screen.isAccessible();
    await page.close();
  });
});

// Light and dark are one layout: axe, which reads the colours, looks at each overlay once in both, at the middle size.
describe.each(["light", "dark"] as const)("over the conversation, %s", (theme) => {
  let chromium: Chromium;
  beforeAll(async () => {
    chromium = await Chromium.launch({ theme, scale: 1 });
  });
  afterAll(() => chromium.close());

  test.each(Object.keys(OVERLAYS))("%s", async (name) => {
    const { scene, ready, reach } = OVERLAYS[name]!;
    for (const size of SIZES) {
      for (const text of [1, 2]) {
        const screen = await chromium.open(scene, { ...size, theme, text });
        await screen.page.locator(READY[scene]!).first().waitFor();
        await reach(screen);
        await screen.page.locator(ready).first().waitFor();
        await isSound(screen, `${name}-${size.width!}-${theme}-${text * 100}`);
        if (size.width === 900 && text === 1) await screen.isAccessible();
        await screen.page.close();
      }
    }
  });
});
