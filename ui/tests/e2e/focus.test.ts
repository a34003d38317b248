// Whoever opens a chat means to write: what is typed next stands in the composer, however the chat was opened.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch({ scale: 1 });
});
afterAll(() => chromium.close());

async function open(scene = "list", width = 1280): Promise<Screen> {
  const screen = await chromium.open(scene, { width });
  await screen.page.getByRole("option").first().waitFor();
  return screen;
}

/** What is typed, as soon as this chat is there, is what stands in its composer; a draft stays in front. */
async function writes(screen: Screen, chat: string, draft = ""): Promise<void> {
  await screen.page.locator("h1", { hasText: chat }).waitFor();
  const composer = screen.page.locator(".composer textarea");
  await expect.poll(() => composer.evaluate((area) => area === document.activeElement)).toBe(true);
  await screen.page.keyboard.type("abc");
  expect(await composer.inputValue()).toBe(`${draft}abc`);
  expect(screen.complaints).toEqual([]);
  await screen.page.close();
}

describe.each([1280, 400])("%d wide, one writes at once in a chat opened", (width) => {
  test("by the palette", async () => {
    const screen = await open("list", width);
    await screen.press("Control+k");
    await screen.page.keyboard.type("yusuf");
    await screen.page.getByRole("option", { name: /Yusuf/, selected: true }).waitFor();
    await screen.press("Enter");
    await writes(screen, "Yusuf");
  });

  test("by a click in the list", async () => {
    const screen = await open("list", width);
    await screen.page.getByRole("option", { name: /Yusuf/ }).click();
    await writes(screen, "Yusuf");
  });

  test("by Enter in the list", async () => {
    const screen = await open("list", width);
    await screen.page.getByRole("option", { name: /Yusuf/ }).focus();
    await screen.press("Enter");
    await writes(screen, "Yusuf");
  });

  test("by a notification", async () => {
    const screen = await open("list", width);
    await screen.world("openChat", "Yusuf");
    await writes(screen, "Yusuf");
  });

  test("by what was found", async () => {
    const screen = await open("list", width);
    await screen.press("Control+f");
    await screen.page.keyboard.type("platform 4");
    await screen.page.getByRole("option", { name: /platform/ }).waitFor();
    await screen.press("Enter");
    await writes(screen, "Yusuf");
  });
});

test("a draft is gone on with at its end", async () => {
  const screen = await open();
  await screen.page.getByRole("option", { name: /Jonas/ }).click();
  await screen.page.locator("h1", { hasText: "Jonas" }).waitFor();
  const draft = await screen.page.locator(".composer textarea").inputValue();
  expect(draft).not.toBe("");
  await writes(screen, "Jonas", draft);
});

test("stepping from chat to chat, one stays where one writes", async () => {
  const screen = await open("group");
  await screen.page.locator(".composer textarea").click();
  await screen.press("Alt+ArrowUp");
  await screen.page.locator("h1", { hasText: "Mara" }).waitFor();
  await screen.press("Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowDown");
  await screen.page.locator("h1", { hasText: "Allotment" }).waitFor();
  await writes(screen, "Allotment");
});

test("a chat made in a dialog is written in once the dialog is gone", async () => {
  const screen = await open();
  await screen.press("Control+n");
  const dialog = screen.page.getByRole("dialog");
  await dialog.locator("input").first().fill("harriet");
  await dialog.getByRole("option", { name: /Harriet/ }).click();
  await writes(screen, "Harriet");
});

test("the chat one is in already is written in again by a click on it", async () => {
  const screen = await open("group");
  await screen.page.getByRole("option", { name: /Harbour Street/ }).click();
  await writes(screen, "Harbour Street");
});

test("where one can’t write, the messages have the focus", async () => {
  const screen = await open();
  await screen.page.evaluate(() => {
    const world = window.parley!.world;
    world.blocked.add(world.named("Yusuf").id);
    world.tell({ event: "chat", chat: [...world.chats.values()].find((chat) => chat.name === "Yusuf")!.id });
  });
  await screen.page.getByRole("option", { name: /Yusuf/ }).click();
  await screen.page.getByText("Unblock").waitFor();
  await expect
    .poll(() => screen.page.evaluate(() => document.activeElement?.closest("[role=log]") !== null))
    .toBe(true);
  await screen.page.close();
});

test("arrows walk through the list without leaving it", async () => {
  const screen = await open("group");
  await screen.page.getByRole("option", { name: /Mara/ }).focus();
  await screen.press("ArrowDown", "ArrowDown");
  await expect.poll(() => screen.focused()).toContain("Jonas");
  await screen.page.locator("h1", { hasText: "Harbour Street" }).waitFor();
  await screen.page.close();
});

describe("what is typed where nothing else takes it is written", () => {
  test.each([
    ["beside everything", (screen: Screen) => screen.page.locator("h1").click()],
    ["in the list of chats", (screen: Screen) => screen.page.getByRole("option", { name: /Mara/ }).focus()],
    ["in the list of messages", (screen: Screen) => screen.page.getByRole("log").focus()],
  ])("%s", async (_, go) => {
    const screen = await open("group");
    await screen.page.locator(".composer textarea").waitFor();
    await go(screen);
    expect(await screen.page.locator(".composer textarea").evaluate((area) => area === document.activeElement)).toBe(
      false,
    );
    await screen.page.keyboard.type("abc");
    expect(await screen.page.locator(".composer textarea").inputValue()).toBe("abc");
    await screen.page.close();
  });

  test("but `?` lists the shortcuts there, letters act on a message, and a dialog keeps what is typed in it", async () => {
    const screen = await open("group");
    const composer = screen.page.locator(".composer textarea");
    await screen.page.locator("h1").click();
    await screen.press("?");
    await screen.page.getByRole("dialog").getByText("Chat below", { exact: true }).waitFor();
    await screen.page.keyboard.type("abc");
    await screen.press("Escape");
    await screen.page.getByRole("dialog").waitFor({ state: "detached" });
    await screen.page.locator("[data-message]").last().focus();
    await screen.press("b", "s");
    await screen.page.getByText("1 chosen").waitFor();
    await screen.press("Escape");
    expect(await composer.inputValue()).toBe("");
    await screen.page.close();
  });
});
