// Text twice as large: nothing overlaps, nothing that matters is cut off, and what belongs to a line grows with it.

import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch({ scale: 1 });
});
afterAll(() => chromium.close());

async function open(scene: string, width = 1280): Promise<Screen> {
  const screen = await chromium.open(scene, { text: 2, width, height: 800 });
  await screen.page.locator("#app > *").first().waitFor();
  return screen;
}

const boxOf = async (one: Locator) => (await one.boundingBox())!;

/** How many of these hold more than they show. */
const cut = (all: Locator) =>
  all.evaluateAll((found) => found.filter((one) => one.scrollWidth > one.clientWidth + 1).length);

async function isInside(inner: Locator, outer: Locator): Promise<void> {
  const [a, b] = [await boxOf(inner), await boxOf(outer)];
  expect(a.x).toBeGreaterThanOrEqual(b.x - 0.5);
  expect(a.x + a.width).toBeLessThanOrEqual(b.x + b.width + 0.5);
  expect(a.y).toBeGreaterThanOrEqual(b.y - 0.5);
  expect(a.y + a.height).toBeLessThanOrEqual(b.y + b.height + 0.5);
}

describe.each([1280, 400])("%d wide", (width) => {
  test("the emoji stand side by side in their picker, and the picker in the window", async () => {
    const { page } = await open("main", width);
    await page.getByRole("button", { name: "Emoji", exact: true }).click();
    const picker = page.getByRole("dialog", { name: "Emoji" });
    await picker.locator("[data-cell='12']").waitFor();
    expect(await cut(picker.locator("button"))).toBe(0);
    expect(await picker.evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
    await isInside(picker, page.locator("body"));
    await page.close();
  });

  test("a message's menu says all it can do, below reactions that stand side by side", async () => {
    const { page } = await open("main", width);
    await page.locator(".bubble", { hasText: "That is closer" }).click({ button: "right" });
    const menu = page.getByRole("menu");
    await menu.waitFor();
    expect(await cut(menu.locator(".one-line"))).toBe(0);
    const bar = page.getByRole("toolbar", { name: "React" });
    expect(await cut(bar.locator("button"))).toBe(0);
    await isInside(bar, page.locator("body"));
    await page.close();
  });

  test("the field of the first start is as wide as the button below it", async () => {
    const { page } = await open("start", width);
    const [field, button] = [page.locator(".field .box"), page.getByRole("button", { name: "Continue" })];
    expect((await boxOf(field)).width).toBeCloseTo((await boxOf(button)).width, 0);
    await page.close();
  });
});

test("the words of the first picture stand between its ends", async () => {
  const { page } = await open("start");
  const [left, right] = [page.locator(".drawing .end").first(), page.locator(".drawing .end").last()];
  const words = await boxOf(page.locator(".drawing .along"));
  expect(words.x).toBeGreaterThan((await boxOf(left)).x + (await boxOf(left)).width);
  expect(words.x + words.width).toBeLessThan((await boxOf(right)).x);
  await page.close();
});

test.each([1280, 900])("list, chat and panel have one hairline, and every route its words, %d wide", async (width) => {
  const screen = await open("group", width);
  const { page } = screen;
  await page.locator("[data-message]").first().waitFor();
  await screen.press("Control+Shift+P");
  await page.locator("aside .row").nth(4).waitFor();
  const heads = await page.locator(".list header, .chat header, aside > header").all();
  const heights = await Promise.all(heads.map(async (head) => (await boxOf(head)).height));
  expect(heights).toEqual(heights.map(() => heights[0]));
  expect(await cut(page.locator("aside .below"))).toBe(0);
  await page.close();
});

test("a round trip or the time left stands in a line without a dot before it", async () => {
  for (const scene of ["main", "offline"]) {
    const { page } = await open(scene);
    const state = page.locator("footer .state");
    await state.locator(".more").waitFor();
    const [first, more] = [await boxOf(state), await boxOf(state.locator(".more"))];
    expect(more.x).toBeCloseTo(first.x, 0);
    expect(await state.locator(".dot").isVisible()).toBe(false);
    await page.close();
  }
});

test("the arrow to the newest message stands below its count", async () => {
  const { page } = await open("channel");
  const count = await boxOf(page.locator(".to-end .below"));
  const arrow = await boxOf(page.locator(".to-end svg"));
  expect(count.y + count.height).toBeLessThanOrEqual(arrow.y + 1);
  await page.close();
});

test("icons, ticks and routes grow half as much as the text, and the composer's buttons stand in its line", async () => {
  const { page } = await open("main");
  await page.locator("[data-message]").first().waitFor();
  expect((await boxOf(page.locator(".composer .icon-button svg").first())).width).toBe(27);
  expect((await boxOf(page.locator(".badge .glyph"))).width).toBe(36);
  expect((await boxOf(page.locator(".delivery.read").first())).width).toBe(30);
  await page.locator(".composer textarea").fill("");
  const field = await boxOf(page.locator(".composer textarea"));
  const button = await boxOf(page.locator(".composer .icon-button").first());
  expect(button.y + button.height / 2).toBeCloseTo(field.y + field.height / 2, 0);
  await page.close();
});

test("what the palette found is counted in one line", async () => {
  const screen = await open("main");
  await screen.press("Control+k");
  await screen.page.keyboard.type("har");
  const took = screen.page.locator(".took");
  await expect.poll(() => took.textContent()).toMatch(/message/);
  expect((await boxOf(took)).height).toBeLessThan(40);
  await screen.page.close();
});

test("a draft is shown whole when an opened panel leaves it less room", async () => {
  const screen = await open("main");
  const area = screen.page.locator(".composer textarea");
  await area.waitFor();
  await screen.press("Control+Shift+P");
  await screen.page.locator("aside").waitFor();
  await expect.poll(() => area.evaluate((one) => one.scrollHeight - one.clientHeight)).toBeLessThanOrEqual(1);
  await screen.page.close();
});
