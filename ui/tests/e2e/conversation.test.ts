// The conversation as a person uses it: writing, answering, changing, finding, and reading without a mouse.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Locator } from "playwright-core";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function open(scene: string): Promise<Screen> {
  const screen = await chromium.open(scene);
  await screen.page.locator("[data-message]").first().waitFor();
  return screen;
}

const message = (screen: Screen, text: string): Locator =>
  screen.page.locator("[data-message]", { hasText: text }).last();
const composer = (screen: Screen): Locator => screen.page.locator(".composer textarea");

async function menu(screen: Screen, text: string, item: string): Promise<void> {
  await message(screen, text).locator(".bubble").click({ button: "right" });
  await screen.page.getByRole("menuitem", { name: item }).click();
}

async function done(screen: Screen): Promise<void> {
  expect(screen.complaints).toEqual([]);
  await screen.page.close();
}

describe("writing", () => {
  test("a message is sent by Enter, a line broken by Shift-Enter", async () => {
    const screen = await open("failed");
    await composer(screen).click();
    await screen.page.keyboard.type("first");
    await screen.press("Shift+Enter");
    await screen.page.keyboard.type("**second**");
    await screen.press("Enter");
    await message(screen, "second").waitFor();
    expect(await message(screen, "second").locator("strong").textContent()).toBe("second");
    expect(await composer(screen).inputValue()).toBe("");
    await done(screen);
  });

  test("a draft is there again when one comes back to the chat", async () => {
    const screen = await open("group");
    await composer(screen).fill("half a thought");
    await screen.page.getByRole("option", { name: /Jonas/ }).click();
    await screen.page.getByRole("option", { name: /Harbour Street/ }).click();
    await expect.poll(() => composer(screen).inputValue()).toBe("half a thought");
    await done(screen);
  });

  test("the last own message is edited by ↑, and Esc leaves it as it was", async () => {
    const screen = await open("group");
    await composer(screen).click();
    await screen.press("ArrowUp");
    await expect.poll(() => composer(screen).inputValue()).toBe("Thank you, Ben. I put it on the board.");
    await screen.press("Escape");
    expect(await composer(screen).inputValue()).toBe("");
    await screen.press("ArrowUp");
    await expect.poll(() => composer(screen).inputValue()).not.toBe("");
    await composer(screen).fill("Thank you, Ben. It hangs.");
    await screen.press("Enter");
    await message(screen, "It hangs.").getByText("edited").waitFor();
    await done(screen);
  });

  test("names and commands are completed by the keyboard", async () => {
    const screen = await open("group");
    await composer(screen).click();
    await screen.page.keyboard.type("for @le");
    await screen.press("Tab");
    expect(await composer(screen).inputValue()).toBe("for @Lena ");
    await screen.page.keyboard.type("too");
    await screen.press("Enter");
    expect(await message(screen, "for @Lena too").locator(".mention").textContent()).toBe("@Lena");
    await screen.page.keyboard.type("/sea");
    await screen.press("Enter");
    expect(await composer(screen).inputValue()).toBe("/search ");
    await screen.page.keyboard.type("plumber");
    await screen.press("Enter");
    await screen.page.locator("mark", { hasText: "plumber" }).waitFor();
    await done(screen);
  });

  test("an emoji is found by a word and put where the caret is", async () => {
    const screen = await open("group");
    await composer(screen).fill("ab");
    await screen.press("ArrowLeft");
    await screen.page.getByRole("button", { name: "Emoji", exact: true }).click();
    await screen.page.getByRole("dialog", { name: "Emoji" }).getByRole("textbox").fill("sailboat");
    await screen.page.locator("[data-cell='0']").waitFor();
    await screen.press("Enter");
    await expect.poll(() => composer(screen).inputValue()).toBe("a⛵️b");
    await done(screen);
  });
});

test("an emoji is found by an Arabic word in Arabic", async () => {
  const screen = await chromium.open("group", { lang: "ar" });
  await composer(screen).fill("");
  await screen.page.getByRole("button", { name: "الرموز", exact: true }).click();
  await screen.page.getByRole("dialog").getByRole("textbox").fill("قارب شراعي");
  await screen.page.locator("[data-cell='0']").waitFor();
  await screen.press("Enter");
  await expect.poll(() => composer(screen).inputValue()).toBe("⛵️");
  await done(screen);
});

describe("a message", () => {
  test("is answered, and the quote leads back to it", async () => {
    const screen = await open("group");
    await menu(screen, "hallway", "Reply");
    await screen.page.keyboard.type("I saw it");
    await screen.press("Enter");
    await message(screen, "I saw it").locator(".quote").click();
    await screen.page.locator(".bubble.lit", { hasText: "hallway" }).waitFor();
    await done(screen);
  });

  test("gets a reaction, which is taken back by a press", async () => {
    const screen = await open("group");
    await message(screen, "spare tube").locator(".bubble").click({ button: "right" });
    await screen.page.getByRole("toolbar", { name: "React" }).getByText("😂").click();
    const pill = message(screen, "spare tube").locator(".pill.mine");
    await pill.waitFor();
    await pill.click();
    await pill.waitFor({ state: "detached" });
    await done(screen);
  });

  test("is deleted for everyone after a question", async () => {
    const screen = await open("group");
    await menu(screen, "Thank you, Ben", "Delete");
    await screen.page.getByRole("dialog").getByRole("button", { name: "Delete for everyone" }).click();
    await message(screen, "You deleted this message").waitFor();
    await done(screen);
  });

  test("of somebody else is deleted for oneself, by keyboard alone, and what quoted it has it no more", async () => {
    const screen = await open("group");
    const line = message(screen, "hallway");
    const hidden = screen.page.locator(`[data-message="${await line.getAttribute("data-message")}"]`);
    await line.locator(".bubble").click({ button: "right" });
    await screen.page.getByRole("menuitem", { name: "Delete for me" }).waitFor();
    await screen.page.getByRole("menuitem", { name: "Reply" }).click();
    await screen.page.keyboard.type("I saw it");
    await screen.press("Enter");
    await message(screen, "I saw it").locator(".quote", { hasText: "hallway" }).waitFor();
    await hidden.focus();
    await screen.press("Delete");
    const dialog = screen.page.getByRole("dialog", { name: "Delete this message?" });
    await dialog.getByText("The others here keep it").waitFor();
    expect(await dialog.getByRole("button", { name: "Delete for everyone" }).count()).toBe(0);
    await screen.isAccessible();
    for (let tab = 0; tab < 3; tab += 1) await screen.press("Tab");
    expect(await screen.focused()).toBe("Delete for me");
    await screen.press("Enter");
    await hidden.waitFor({ state: "detached" });
    await message(screen, "I saw it")
      .locator(".quote", { hasText: "A message that this device doesn’t have" })
      .waitFor();
    // The focus is still among the messages: an arrow goes on from there.
    await screen.press("ArrowUp");
    await expect
      .poll(() => screen.page.evaluate(() => document.activeElement?.closest("[role=log]") !== null))
      .toBe(true);
    await done(screen);
  });

  test("has in its menu what else a pointer finds: its links, the quoted message", async () => {
    const screen = await open("main");
    await message(screen, "low water").focus();
    await screen.press("Enter");
    await screen.page.getByRole("menuitem", { name: "Open link" }).click();
    await expect
      .poll(() => screen.page.evaluate(() => window.parley!.world.opened))
      .toEqual(["http://tides.example.org/november"]);
    await message(screen, "low water").focus();
    await screen.press("Enter");
    await screen.page.getByRole("menuitem", { name: "Go to the quoted message" }).click();
    await screen.page.locator(".bubble.lit", { hasText: "tide table" }).waitFor();
    await done(screen);
  });

  test("of one's own is deleted for oneself or for everyone, as one chooses", async () => {
    const screen = await open("group");
    await menu(screen, "Thank you, Ben", "Delete");
    const dialog = screen.page.getByRole("dialog", { name: "Delete this message?" });
    await dialog.getByRole("button", { name: "Delete for everyone" }).waitFor();
    await screen.isAccessible();
    await dialog.getByRole("button", { name: "Delete for me" }).click();
    await message(screen, "Thank you, Ben").waitFor({ state: "detached" });
    expect(await message(screen, "You deleted this message").count()).toBe(0);
    await done(screen);
  });

  test("says by which route it went and which device has it", async () => {
    const screen = await open("group");
    await menu(screen, "Thank you, Ben", "Details");
    const dialog = screen.page.getByRole("dialog", { name: "Message details" });
    await dialog.getByText("By device").waitFor();
    await dialog.getByText("Went").waitFor();
    await dialog
      .getByText(/^Delivered \d+:\d\d$/)
      .first()
      .waitFor();
    await screen.isAccessible();
    await done(screen);
  });

  test("several are chosen and forwarded", async () => {
    const screen = await open("group");
    await menu(screen, "hallway", "Select");
    await message(screen, "spare tube").click();
    await screen.page.getByText("2 chosen").waitFor();
    await screen.isAccessible();
    await screen.page.getByRole("button", { name: "Forward" }).click();
    await screen.page.getByRole("checkbox", { name: /Jonas/ }).check();
    await screen.page.getByRole("dialog").getByRole("button", { name: "Forward" }).click();
    await screen.page.getByText("2 messages forwarded").waitFor();
    await screen.page.getByRole("option", { name: /Jonas/ }).click();
    await message(screen, "spare tube").waitFor();
    await done(screen);
  });

  test("that was not sent says why, and is tried again", async () => {
    const screen = await open("failed");
    await screen.page.getByText("2,000 messages waiting").waitFor();
    await screen.page.getByRole("button", { name: "Retry" }).click();
    await screen.page.getByText("2,000 messages waiting").waitFor({ state: "detached" });
    await done(screen);
  });
});

describe("what can be done with the message under the hand can be reached", () => {
  test.each([
    ["main", 720, false],
    ["main", 760, false],
    ["group", 900, true],
    ["main", 1040, true],
    ["group", 1100, true],
    ["group", 1280, false],
    ["group", 400, false],
  ])("%s, %d wide, panel %s", async (scene, width, panel) => {
    for (const text of [1, 2]) {
      const screen = await chromium.open(scene, { width, text });
      const { page } = screen;
      await page.locator("[data-message]").first().waitFor();
      if (panel) await screen.press("Control+Shift+P");
      if (panel) await page.locator("aside").waitFor();
      // Rows out of sight are made a moment later, and then the others have other numbers.
      await page.evaluate(
        () =>
          new Promise<void>((then) => {
            let [rows, still] = [-1, 0];
            const look = () => {
              const now = document.querySelectorAll("[data-message]").length;
              still = now === rows ? still + 1 : 0;
              rows = now;
              if (still < 20) requestAnimationFrame(look);
              else then();
            };
            look();
          }),
      );
      const list = (await page.getByRole("log").boundingBox())!;
      for (const one of await page.locator("[data-message]").all()) {
        const bubble = (await one.locator(".bubble").boundingBox())!;
        if (bubble.y < list.y + 40 || bubble.y + 20 > list.y + list.height) continue;
        await page.mouse.move(bubble.x + bubble.width / 2, bubble.y + 10);
        await one.locator(".actions button").last().waitFor();
        for (const button of await one.locator(".actions button").all()) {
          const box = (await button.boundingBox())!;
          expect(box.x).toBeGreaterThanOrEqual(list.x);
          expect(box.x + box.width).toBeLessThanOrEqual(list.x + list.width);
          expect(box.y).toBeGreaterThanOrEqual(list.y);
        }
      }
      await done(screen);
    }
  });
});

describe("reading", () => {
  test("a hundred thousand messages stay a few dozen rows, and nothing in sight moves while older ones come", async () => {
    const screen = await open("big");
    const { page } = screen;
    await page.mouse.move(700, 400);
    for (let turn = 0; turn < 40; turn += 1) {
      const before = await page.evaluate(() => {
        const list = document.querySelector("[role=log]")!.getBoundingClientRect();
        const row = [...document.querySelectorAll<HTMLElement>("[data-row*='/']")].find(
          (one) => one.getBoundingClientRect().top > list.top,
        )!;
        return { key: row.dataset.row!, top: row.getBoundingClientRect().top };
      });
      await page.mouse.wheel(0, -350);
      const topOf = () =>
        page.evaluate((key) => {
          const row = [...document.querySelectorAll<HTMLElement>("[data-row]")].find((one) => one.dataset.row === key);
          return row?.getBoundingClientRect().top ?? Number.NaN;
        }, before.key);
      await expect.poll(topOf).not.toBe(before.top);
      await expect.poll(async () => Math.abs((await topOf()) - before.top - 350), { interval: 20 }).toBeLessThan(1.5);
    }
    expect(await page.locator("[data-row]").count()).toBeLessThan(80);
    await page.getByRole("button", { name: /To the newest/ }).click();
    await page.getByText("Unread from here").waitFor();
    await page.getByRole("button", { name: /To the newest/ }).click();
    await message(screen, "100000:").waitFor();
    await done(screen);
  });

  describe.each([
    ["Mara", 1],
    ["Mara", 3],
    ["Harbour Street 12", 3],
    ["Harbour Street 12", 4],
  ])("%s with %d unread opens at its end and follows what comes", (name, unread) => {
    test.each([
      [1280, 800],
      [1280, 500],
      [400, 720],
    ])("%d × %d", async (width, height) => {
      const screen = await chromium.open("list", { width, height });
      const { page } = screen;
      await page.getByRole("option").first().waitFor();
      await page.evaluate(
        ({ name, unread }) => {
          const { world } = window.parley!;
          const chat = [...world.chats.values()].find((chat) => chat.name === name)!;
          chat.unreadFrom = chat.log.length;
          for (let left = unread; left > 0; chat.unreadFrom -= 1) {
            const line = chat.log.at(chat.unreadFrom - 1);
            if (!line.own && line.kind === "text") left -= 1;
          }
          world.tell({ event: "chat", chat: chat.id });
        },
        { name, unread },
      );
      await page
        .getByRole("option", { name })
        .getByText(new RegExp(`^${unread} unread`))
        .waitFor({ state: "attached" });
      await page.getByRole("option", { name }).click();
      await page.getByText("Unread from here").waitFor();
      const below = () => page.getByRole("log").evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
      await expect.poll(below).toBeLessThanOrEqual(1);
      await screen.world("messageFrom", name, name === "Mara" ? "Mara" : "Ben", "and one more that follows");
      await message(screen, "and one more that follows").waitFor();
      await expect.poll(below).toBeLessThanOrEqual(1);
      await done(screen);
    });
  });

  test("says that older messages could not be loaded, until they are", async () => {
    const screen = await open("big");
    const { page } = screen;
    await screen.world("olderFails");
    const said = page.getByRole("status").filter({ hasText: "Older messages could not be loaded." });
    await page.mouse.move(700, 400);
    await expect
      .poll(
        async () => {
          await page.mouse.wheel(0, -3_000);
          return said.isVisible();
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    await screen.isAccessible();
    await said.getByRole("button", { name: "Retry" }).click();
    await said.waitFor();
    await screen.world("olderFails", false);
    await said.getByRole("button", { name: "Retry" }).click();
    await said.waitFor({ state: "detached" });
    await message(screen, "99920:").waitFor({ state: "attached" });
    await done(screen);
  });

  test("begins at the first unread message and tells what was seen", async () => {
    const screen = await open("channel");
    await screen.page.getByText("Unread from here").waitFor();
    const count = screen.page.locator(".to-end .below");
    await expect.poll(async () => Number(await count.textContent())).toBeLessThan(28);
    await screen.page.getByRole("button", { name: /To the newest/ }).click();
    await count.waitFor({ state: "detached" });
    await done(screen);
  });

  test("finds words here, one hit after the other, and jumps to a date", async () => {
    const screen = await open("big");
    await composer(screen).click();
    await screen.press("Control+f");
    await screen.page.keyboard.type("99990");
    await screen.page.getByText("1 of 1", { exact: true }).waitFor();
    await screen.page.locator(".bubble.lit mark").waitFor();
    await screen.page.getByRole("button", { name: "Jump to a date" }).first().click();
    await screen.page.getByRole("dialog", { name: "Jump to a date" }).waitFor();
    await screen.isAccessible();
    await screen.press("PageUp", "Enter");
    await screen.page.getByRole("dialog", { name: "Jump to a date" }).waitFor({ state: "detached" });
    await message(screen, "99990:").waitFor({ state: "detached" });
    await done(screen);
  });

  test("goes from message to message by the arrows, and acts by letters", async () => {
    const screen = await open("group");
    await message(screen, "plumber").focus();
    await screen.press("ArrowUp", "ArrowUp");
    expect(await screen.focused()).toContain("The light in the cellar");
    await screen.press("r");
    await screen.page.locator(".composer .strip", { hasText: "The light in the cellar" }).waitFor();
    await message(screen, "plumber").focus();
    await screen.press("Enter");
    await screen.page.getByRole("menu").waitFor();
    await screen.isAccessible();
    await screen.press("Escape");
    expect(await screen.focused()).toContain("plumber");
    await done(screen);
  });

  test("what comes in at the end is seen there, and counted when one is elsewhere", async () => {
    const screen = await open("group");
    await message(screen, "plumber").waitFor();
    await screen.world("messageFrom", "Harbour Street 12", "Lena", "I have a key");
    await message(screen, "I have a key").waitFor();
    const big = await open("big");
    await big.page.mouse.move(700, 400);
    await big.page.mouse.wheel(0, -6_000);
    await big.page.getByText("Unread from here").waitFor({ state: "detached" });
    await big.world("messageFrom", "A hundred thousand", "Lena", "far below");
    // On the way to the end one stops at what is unread.
    const toEnd = big.page.getByRole("button", { name: /To the newest message, \d+ new/ });
    await toEnd.click();
    await big.page.getByText("Unread from here").waitFor();
    expect(await message(big, "far below").count()).toBe(0);
    await toEnd.click();
    await message(big, "far below").waitFor();
    await done(screen);
    await done(big);
  });
});

describe("the route", () => {
  test("changes in its place, with its card", async () => {
    const screen = await open("main");
    const badge = screen.page.getByRole("button", { name: /How it travels/ });
    expect(await badge.textContent()).toContain("Direct, LAN");
    await screen.world("linkDown", "Mara");
    await badge.getByText("Relay").waitFor();
    await badge.click();
    await screen.page.getByText("The relay carries the messages").waitFor();
    await screen.isAccessible();
    await done(screen);
  });

  test("says what happens to what one writes when nobody can be reached", async () => {
    const screen = await open("offline");
    await screen.page.getByText("Neither Jonas nor the relay can be reached.").first().waitFor();
    await composer(screen).fill("later");
    await screen.press("Enter");
    await message(screen, "later").locator(".late").waitFor();
    await done(screen);
  });
});

describe("what hostile people write", () => {
  test("executes nothing, breaks nothing, and shows where links go", async () => {
    const screen = await open("hostile");
    const { page } = screen;
    const list = page.getByRole("log");
    await list.focus();
    for (let turn = 0; turn < 60; turn += 1) {
      const wide = await page.evaluate(() => {
        const list = document.querySelector("[role=log]")!;
        const column = list.firstElementChild!.getBoundingClientRect();
        const out = [...document.querySelectorAll(".bubble")].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.left < column.left - 1 || box.right > column.right + 1;
        });
        return { over: list.scrollWidth - list.clientWidth, out: out.length, hacked: "hacked" in window };
      });
      expect(wide).toEqual({ over: 0, out: 0, hacked: false });
      await page.mouse.move(700, 400);
      await page.mouse.wheel(0, -600);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    }
    expect(await page.locator("[role=log] :is(script, img, iframe, svg[onload], style)").count()).toBe(0);
    const opened = () => page.evaluate(() => (window.parley!.world as { opened: string[] }).opened.length);
    await page.getByRole("button", { name: /To the newest/ }).click();
    await page.locator("a.forged").last().click();
    await page.getByRole("dialog", { name: "Open this link?" }).waitFor();
    expect(await opened()).toBe(0);
    await page.getByRole("button", { name: "Open it" }).click();
    await expect.poll(opened).toBe(1);
    await done(screen);
  });
});
