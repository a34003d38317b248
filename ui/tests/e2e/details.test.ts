// Small things that one notices: what is offered where it can't be done, what is said twice or wrongly, what is covered.

import type { Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Options, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function open(scene: string, options: Options = {}): Promise<Screen> {
  const screen = await chromium.open(scene, options);
  await screen.page.locator("[data-message], [role=option]").first().waitFor();
  return screen;
}

const message = ({ page }: Screen, text: string): Locator => page.locator("[data-message]", { hasText: text }).last();
const boxOf = async (one: Locator) => (await one.boundingBox())!;

async function done({ page, complaints }: Screen) {
  expect(complaints).toEqual([]);
  await page.close();
}

describe("a message", () => {
  test("of somebody else, alone or among one's own, is offered for deletion for oneself alone", async () => {
    const screen = await open("group");
    await message(screen, "Thank you, Ben").locator(".bubble").click({ button: "right" });
    await screen.page.getByRole("menuitem", { name: "Select" }).click();
    await message(screen, "spare tube").click();
    await screen.page.getByText("2 chosen").waitFor();
    await screen.page.getByRole("button", { name: "Delete" }).click();
    const dialog = screen.page.getByRole("dialog", { name: "Delete 2 messages?" });
    expect(await dialog.getByRole("button", { name: "Delete for everyone" }).count()).toBe(0);
    await dialog.getByRole("button", { name: "Delete for me" }).click();
    for (const words of ["Thank you, Ben", "spare tube"]) await message(screen, words).waitFor({ state: "detached" });
    await done(screen);
  });

  test("that is quoted and gone leaves whoever looks for it where they are, and says so", async () => {
    const screen = await open("group");
    const { page } = screen;
    const answer = page.locator("[data-message]", { has: page.locator(".quote") }).last();
    await answer.locator(".quote").waitFor();
    const quoted = await answer.evaluate((element) => {
      const { world } = window.parley!;
      const chat = [...world.chats.values()].find((other) => other.name === "Harbour Street 12")!;
      const [device, id] = element.dataset.message!.split("/") as [string, string];
      const quoted = chat.log.at(chat.log.find({ device, id })).reply_to!;
      world.hide(chat, quoted);
      return `${quoted.device}/${quoted.id}`;
    });
    await page.locator(`[data-message="${quoted}"]`).waitFor({ state: "detached" });
    const lines = () =>
      page.locator("[data-message]").evaluateAll((all) => all.map((one) => one.dataset.message).join());
    const before = await lines();
    await answer.locator(".quote").click();
    await page.getByText("This message is no longer here.").waitFor();
    expect(await lines()).toBe(before);
    await done(screen);
  });

  test("that one deleted has no tick", async () => {
    const screen = await open("group");
    await message(screen, "Thank you, Ben").locator(".bubble").click({ button: "right" });
    await screen.page.getByRole("menuitem", { name: "Delete" }).click();
    await screen.page.getByRole("dialog").getByRole("button", { name: "Delete for everyone" }).click();
    await message(screen, "You deleted this message").waitFor();
    expect(await message(screen, "You deleted this message").locator(".delivery").count()).toBe(0);
    expect(await message(screen, "You deleted this message").getAttribute("aria-label")).not.toMatch(/delivered/i);
    await done(screen);
  });

  test("of one emoji ends where its time ends", async () => {
    const screen = await open("group");
    await screen.page.locator(".composer textarea").fill("⛵");
    await screen.press("Enter");
    const large = message(screen, "⛵").locator(".large");
    await large.waitFor();
    const end = await large.evaluate((line) => {
      const range = document.createRange();
      range.selectNodeContents(line);
      return range.getBoundingClientRect().right;
    });
    const meta = await boxOf(message(screen, "⛵").locator(".meta"));
    expect(Math.abs(end - meta.x - meta.width)).toBeLessThan(4);
    await done(screen);
  });

  test("of which nothing can be seen says so, and so does the list", async () => {
    const screen = await open("group");
    await screen.world("messageFrom", "Harbour Street 12", "Ben", "\u200b\u2800\u3164 \u2060");
    await message(screen, "Nothing that can be seen").waitFor();
    await screen.page
      .getByRole("option", { name: /Harbour Street/ })
      .getByText("Nothing that can be seen")
      .waitFor();
    await done(screen);
  });
});

test("a chat whose name shows as nothing is called by what it is", async () => {
  const screen = await open("list");
  await screen.page.evaluate(() => {
    const { world } = window.parley!;
    const chat = [...world.chats.values()].find(({ name }) => name === "Harbour Street 12")!;
    chat.name = " \u00a0\u200b ";
    world.tell({ event: "chat", chat: chat.id });
  });
  const row = screen.page.locator("[role=option]").nth(1);
  await expect.poll(() => row.locator(".name").textContent()).toBe("Group");
  await row.click();
  await screen.page.getByRole("heading", { name: "Group", exact: true }).waitFor();
  await done(screen);
});

test("on one column both doors of a chat are in a menu, and its state is not cut off", async () => {
  const screen = await open("failed", { width: 400, height: 720 });
  const { page } = screen;
  const state = page.locator("main header p");
  expect(await state.evaluate((line) => line.scrollWidth - line.clientWidth)).toBe(0);
  const more = page.locator("main header").getByRole("button", { name: "More" });
  await more.click();
  await page.getByRole("menuitem", { name: "Search in this chat" }).click();
  await page.getByRole("textbox", { name: "Search in this chat" }).or(page.getByRole("searchbox")).first().waitFor();
  await more.click();
  await page.getByRole("menuitem", { name: "Details of this chat" }).click();
  await page.getByRole("heading", { name: "Person" }).waitFor();
  await done(screen);
});

test("while the profile is read, the composer is where it will be", async () => {
  const screen = await chromium.open("loading");
  const composer = screen.page.locator(".composer");
  await composer.getByText("Message", { exact: true }).waitFor();
  expect(await composer.locator("svg").count()).toBe(2);
  await done(screen);
});

test("of somebody one blocked neither presence nor typing is told, and nothing covers why one can't write", async () => {
  const screen = await open("main");
  const { page } = screen;
  const row = page.getByRole("option", { name: /Mara/ });
  await row.getByText("typing…").waitFor();
  await screen.press("Control+Shift+P");
  await page.getByRole("button", { name: "Block Mara" }).click();
  await page.getByRole("dialog").getByRole("button", { name: /Block/ }).click();
  const bar = page.locator(".instead");
  await bar.waitFor();
  const toast = page.locator(".toast");
  await toast.waitFor();
  await expect
    .poll(async () => (await boxOf(toast)).y + (await boxOf(toast)).height)
    .toBeLessThanOrEqual((await boxOf(bar)).y);
  await row.getByText("typing…").waitFor({ state: "detached" });
  expect(await row.locator(".dot").count()).toBe(0);
  const panel = page.locator("aside");
  expect(await panel.locator(".dot").count()).toBe(0);
  expect(await panel.getByText("Online").count()).toBe(0);
  expect(await panel.getByText("Blocked").count()).toBe(1);
  await done(screen);
});

test("a relay that speaks another version was reached, and one's own line says so", async () => {
  const screen = await open("incompatible");
  await screen.page.locator("footer .state", { hasText: "Relay speaks another version" }).waitFor();
  await done(screen);
});

test("how long the relay keeps what waits stands below how long messages are kept, beside its sign", async () => {
  const screen = await open("main");
  await screen.press("Control+Shift+P");
  const kept = screen.page.locator("aside .kept");
  await kept.waitFor();
  const row = screen.page.getByRole("button", { name: "Keep messages" });
  const [below, above, words] = [await boxOf(kept), await boxOf(row), await boxOf(row.getByText("Keep messages"))];
  expect(below.y).toBeCloseTo(above.y + above.height, 0);
  const start = await kept.evaluate((one) => parseFloat(getComputedStyle(one).paddingInlineStart));
  expect(below.x + start).toBeCloseTo(words.x, 0);
  await done(screen);
});

test("read from right to left, arrows in a menu point the other way, and what has no direction does not", async () => {
  const screen = await chromium.open("rtl", { lang: "ar" });
  const { page } = screen;
  await page.locator(".bubble").last().click({ button: "right" });
  const icons = page.locator("[role=menuitem] svg:first-child");
  await icons.first().waitFor();
  const turned = await icons.evaluateAll((all) =>
    all
      .filter((icon) => new DOMMatrix(getComputedStyle(icon).transform).a === -1)
      .map((icon) => [...icon.classList].find((name) => name.startsWith("lucide-") && name !== "lucide-icon")),
  );
  expect(turned).toEqual(["lucide-reply", "lucide-forward"]);
  await done(screen);
});

test("in the system's own colours the palette has an edge, a reaction one, and typing its dots", async () => {
  const forced = await Chromium.launch({ forcedColors: true });
  const screen = await forced.open("main");
  const { page } = screen;
  await page.locator("[role=log] li .pill").first().waitFor();
  const border = (one: Element) => parseFloat(getComputedStyle(one).borderTopWidth);
  expect(await page.locator("[role=log] li button").first().evaluate(border)).toBe(0);
  expect(await page.locator("[role=log] li .pill").first().evaluate(border)).toBeGreaterThan(0);
  const dot = page.locator(".composer .dots i").first();
  await dot.waitFor();
  const [fill, behind] = await dot.evaluate((one) => [
    getComputedStyle(one).backgroundColor,
    getComputedStyle(document.body).backgroundColor,
  ]);
  expect(fill).not.toBe(behind);
  expect(await page.locator(".list .field").evaluate(border)).toBeGreaterThan(0);
  // A drawing has the colour of what is around it, not one of the theme's.
  const [glyph, text] = await page
    .locator(".badge .glyph")
    .evaluate((one) => [getComputedStyle(one).color, getComputedStyle(one.parentElement!).color]);
  expect(glyph).toBe(text);
  await screen.press("Control+k");
  expect(await page.locator("dialog").evaluate(border)).toBeGreaterThan(0);
  await done(screen);
  await forced.close();
});
