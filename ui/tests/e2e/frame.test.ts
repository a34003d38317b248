// The frame: which columns there is room for, and that one always finds back.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Chromium } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

test("in the middle, an open panel folds the list to a rail of avatars", async () => {
  const screen = await chromium.open("group", { width: 900, height: 640 });
  const { page } = screen;
  await page.getByRole("heading", { name: "Harbour Street 12" }).waitFor();
  await screen.press("Control+Shift+P");
  await page.locator("aside").waitFor();
  const list = page.getByRole("navigation", { name: "Chats" });
  expect((await list.boundingBox())?.width).toBeLessThanOrEqual(72);
  await page.screenshot({ path: "tests/pictures/rail-light.png" });
  const badge = page.getByRole("button", { name: /How it travels/ });
  expect(await badge.innerText()).toMatch(/of \d direct/);
  await screen.isAccessible();
  await list.getByRole("option", { name: /Jonas/ }).click();
  await page.getByRole("heading", { name: "Jonas" }).first().click();
  await screen.press("Control+f");
  await page.keyboard.type("mara");
  expect(await page.locator("#search").inputValue()).toBe("mara");
  await page.getByRole("heading", { name: "Jonas" }).first().waitFor();
  await page.getByRole("option", { name: /Mara/ }).first().waitFor();
  expect(screen.complaints).toEqual([]);
  await page.close();
});

test("on one column the list comes first, a chat stands alone, and Esc and the button lead back", async () => {
  const screen = await chromium.open("list", { width: 400, height: 720 });
  const { page } = screen;
  await page.getByRole("option", { name: /Jonas/ }).click();
  await page.getByText("You get it tomorrow morning.").waitFor();
  expect(await page.getByRole("navigation", { name: "Chats" }).count()).toBe(0);
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByRole("option", { name: /Jonas/ }).waitFor();
  await page.getByRole("option", { name: /Mara/ }).click();
  await page.getByText("Wind decides").waitFor();
  await page.getByRole("heading", { name: "Mara" }).click();
  await screen.press("Escape");
  await page.getByRole("option", { name: /Jonas/ }).waitFor();
  await screen.isAccessible();
  expect(screen.complaints).toEqual([]);
  await page.close();
});

test("larger text takes the avatars and one's own line along", async () => {
  const sizes = async (text: number) => {
    const { page } = await chromium.open("list", { text });
    const row = page.getByRole("option", { name: /Jonas/ });
    await row.waitFor();
    const avatar = await row.locator(".avatar").boundingBox();
    const own = page.locator("footer");
    // Nothing of the relay's state is cut off.
    const cut = await own.locator(".state").evaluate((line) => line.scrollWidth - line.clientWidth);
    const height = (await own.boundingBox())!.height;
    await page.close();
    return { avatar: avatar!.width, height, cut };
  };
  expect(await sizes(1)).toEqual({ avatar: 40, height: 48, cut: 0 });
  const large = await sizes(2);
  expect(large).toMatchObject({ avatar: 60, cut: 0 });
  expect(large.height).toBeGreaterThanOrEqual(72);
});

test("the route keeps its word where there is no round trip, and the glyph everywhere", async () => {
  for (const [scene, words] of [
    ["offline", "Waiting"],
    ["main", "2 ms"],
    ["group", /of \d direct/],
  ] as const) {
    const screen = await chromium.open(scene, { width: 400, height: 720 });
    const badge = screen.page.getByRole("button", { name: /How it travels/ });
    await badge.waitFor();
    expect((await badge.innerText()).trim()).toMatch(words);
    await screen.page.close();
  }
});

test("the window follows the system from light to dark while it is open", async () => {
  const { page } = await chromium.open("list");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("theme of the system");
  await page.getByRole("option", { name: /theme of the system/i, selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => page.locator("html").getAttribute("data-theme")).toBe("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(() => page.locator("html").getAttribute("data-theme")).toBe("light");
  await page.close();
});

test("? lists every shortcut, Ctrl-N begins a chat, and Esc closes each", async () => {
  const screen = await chromium.open("list");
  const { page } = screen;
  await page.getByRole("option").first().waitFor();
  await screen.press("?");
  await page.getByRole("dialog").getByText("Chat below", { exact: true }).waitFor();
  await screen.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await screen.press("Control+n");
  await page.getByRole("dialog").waitFor();
  await screen.isAccessible();
  await screen.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.close();
});

test("Ctrl with plus, minus and zero changes the size, on every keyboard and the keypad", async () => {
  const screen = await chromium.open("list");
  const { page } = screen;
  await page.getByRole("option").first().waitFor();
  const zoom = () => page.evaluate(() => window.parley!.world.preferences.zoom);
  await screen.press("Control++");
  await expect.poll(zoom).toBe(1.1);
  await screen.press("Control+NumpadAdd");
  await expect.poll(zoom).toBe(1.25);
  await screen.press("Control+NumpadSubtract");
  await expect.poll(zoom).toBe(1.1);
  await screen.press("Control+0");
  await expect.poll(zoom).toBe(1);
  await screen.press("?");
  await page.getByRole("dialog").getByText("Zoom in", { exact: true }).waitFor();
  await page.close();
});
