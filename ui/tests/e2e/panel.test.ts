// The side panel: who is there, how each is reached, and what one's role allows.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Chromium, type Options, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function panel(scene: string, options: Options = {}): Promise<Screen> {
  const screen = await chromium.open(scene, options);
  await screen.page.locator("main .one-line").first().waitFor();
  await screen.press("Control+Shift+P");
  await screen.page.locator("aside").waitFor();
  return screen;
}

async function done({ page, complaints }: Screen) {
  expect(complaints).toEqual([]);
  await page.close();
}

test("a group lists its members and each one’s route, which follows", async () => {
  const screen = await panel("group");
  const aside = screen.page.locator("aside");
  await aside.getByRole("button", { name: /Ben\s*Admin\s*On the local network\s*3 ms/ }).waitFor();
  await aside.getByRole("button", { name: /Lena\s*Direct through TURN\s*88 ms/ }).waitFor();
  await aside.getByRole("button", { name: /Olga\s*Through the relay\s*\d+ ms$/ }).waitFor();
  await screen.isAccessible();
  await screen.page.evaluate(() => {
    const { world } = window.parley!;
    world.named("Olga").route = "direct";
    const chat = [...world.chats.values()].find((other) => other.name === "Harbour Street 12")!;
    world.tell({ event: "route", chat: chat.id, ...world.view(chat).route });
  });
  await aside.getByRole("button", { name: /Olga\s*Direct$/ }).waitFor();
  await done(screen);
});

test("the owner gives a role, takes it back by undo, and removes somebody after a question", async () => {
  const screen = await panel("group");
  const { page } = screen;
  const aside = page.locator("aside");
  await aside.getByRole("button", { name: /^.?\s*Ines/ }).click();
  await page.getByRole("menuitem", { name: "Make an admin" }).click();
  await aside.getByRole("button", { name: /Ines\s*Admin/ }).waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await aside.getByRole("button", { name: /Ines\s*Admin/ }).waitFor({ state: "detached" });

  await aside.getByRole("button", { name: /Yusuf/ }).click();
  await page.getByRole("menuitem", { name: "Remove from this chat" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove Yusuf from Harbour Street 12?" });
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await dialog.waitFor({ state: "detached" });
  await aside.getByRole("button", { name: /Yusuf/ }).waitFor({ state: "detached" });
  await aside.getByRole("heading", { name: "5 members" }).waitFor();
  await done(screen);
});

test("the members are gone through by arrows with one tab stop", async () => {
  const screen = await panel("group");
  const { page } = screen;
  await page.locator("aside li").first().waitFor();
  expect(await page.locator("aside li [tabindex='0']").count()).toBe(1);
  await page.locator("aside li [tabindex='0']").focus();
  await screen.press("ArrowDown", "ArrowDown");
  expect(await screen.focused()).toContain("Ines");
  await screen.press("Enter");
  await page.getByRole("menuitem", { name: "Write to Ines" }).waitFor();
  await screen.press("Escape");
  expect(await screen.focused()).toContain("Ines");
  await done(screen);
});

test("an owner is told why leaving has to wait", async () => {
  const screen = await panel("group");
  const leave = screen.page.locator("aside").getByRole("button", { name: "Leave" });
  expect(await leave.getAttribute("aria-disabled")).toBe("true");
  const why = await leave.evaluate(
    (element) => document.getElementById(element.getAttribute("aria-describedby")!)?.textContent,
  );
  expect(why).toBe("Hand it over to somebody first, or delete it.");
  await done(screen);
});

test("an invite is made, shown as a QR code, copied, and taken back", async () => {
  const screen = await panel("group");
  const { page } = screen;
  const aside = page.locator("aside");
  await aside.getByRole("button", { name: "Make an invite link" }).click();
  const dialog = page.getByRole("dialog", { name: "Invites to Harbour Street 12" });
  await dialog.getByRole("radio", { name: "A day" }).click();
  await dialog.getByRole("radio", { name: "10", exact: true }).click();
  await dialog.getByRole("button", { name: "Make an invite" }).click();
  await dialog.getByRole("img", { name: "The invite as a QR code" }).waitFor();
  await screen.isAccessible();
  await screen.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await aside.getByRole("img", { name: "The invite as a QR code" }).waitFor();
  await aside.getByText("10 uses left").waitFor();
  await aside.getByRole("button", { name: "Copy link" }).click();
  const copied = await page.evaluate(() => window.parley!.world.copied);
  expect(copied).toMatch(/^parley:\/\/join\/relay\.harbour\.example\/\w+$/);

  await aside.getByRole("button", { name: "All invites" }).click();
  const takeBack = dialog.getByRole("button", { name: /Take back the invite/ });
  await takeBack.click();
  const question = page.getByRole("dialog", { name: "Take back this invite?" });
  await question.waitFor();
  expect(await screen.focused()).toBe("Cancel");
  await screen.isAccessible();
  await screen.press("Escape");
  await question.waitFor({ state: "detached" });
  expect(await screen.focused()).toContain("Take back the invite");
  await screen.press("Enter");
  await question.getByRole("button", { name: "Take back" }).click();
  await dialog.getByText("There are no invites now.").waitFor();
  expect(await screen.focused()).toBe("Make an invite");
  await done(screen);
});

test("a person: the route, its devices, and blocking with a way back", async () => {
  const screen = await panel("main");
  const { page } = screen;
  const aside = page.locator("aside");
  await aside.getByText("On the local network").waitFor();
  await aside.getByText("Round trip 2 ms").waitFor();
  await screen.isAccessible();
  await screen.world("linkDown", "Mara");
  await aside.getByText("Through the relay").waitFor();
  await aside.getByRole("button", { name: "Block Mara" }).click();
  await page.getByRole("dialog", { name: "Block Mara?" }).getByRole("button", { name: "Block" }).click();
  await aside.getByRole("button", { name: "Unblock Mara" }).waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await aside.getByRole("button", { name: "Block Mara" }).waitFor();
  await done(screen);
});

test("for how long messages are kept is changed by the keyboard alone, and the conversation says so", async () => {
  const screen = await panel("group");
  const { page } = screen;
  await page.getByRole("log").getByText("Ben keeps messages for 90 days now").waitFor();
  const row = page.locator("aside").getByRole("button", { name: /Keep messages\s*90 days/ });
  await row.focus();
  await screen.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Keep messages" });
  await dialog.waitFor();
  expect(await dialog.getByRole("radio", { name: "90 days" }).isChecked()).toBe(true);
  await screen.isAccessible();
  await screen.press("ArrowDown", "ArrowDown");
  expect(await dialog.getByRole("radio", { name: "7 days" }).isChecked()).toBe(true);
  await dialog.getByRole("button", { name: "Delete older messages" }).waitFor();
  await screen.isAccessible();
  await screen.press("Tab", "Tab");
  expect(await screen.focused()).toBe("Delete older messages");
  await screen.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("log").getByText("You keep messages for 7 days now").waitFor();
  const changed = page.locator("aside").getByRole("button", { name: /Keep messages\s*7 days/ });
  await changed.waitFor();
  expect(await changed.evaluate((element) => element === document.activeElement)).toBe(true);
  await done(screen);
});

test("a member sees for how long messages are kept, and nothing to press", async () => {
  const screen = await panel("channel");
  const aside = screen.page.locator("aside");
  await aside.getByText("Keep messages").waitFor();
  await aside.getByText("For ever", { exact: true }).waitFor();
  expect(await aside.getByRole("button", { name: /Keep messages/ }).count()).toBe(0);
  await screen.isAccessible();
  await done(screen);
});

test("a message whose time is over goes, and what is in sight below it stays where it is", async () => {
  const screen = await panel("main");
  const { page } = screen;
  const stays = page.locator("[data-message]", { hasText: "The new mast fits" });
  const place = async () => (await stays.boundingBox())!.y;
  const log = page.getByRole("log");
  await log.evaluate((list) => list.scrollTo(0, 60));
  await stays.waitFor();
  // The panel has just made the list narrower, and its lines break elsewhere.
  let before = NaN;
  const stands = async () => {
    const last = before;
    before = await place();
    return before === last;
  };
  await expect.poll(stands).toBe(true);
  await page.evaluate(() => {
    const { world } = window.parley!;
    const mara = [...world.chats.values()].find((chat) =>
      chat.members.some((one) => one.account === world.named("Mara").id),
    )!;
    for (const { device, id } of mara.log.drop(mara.log.at(mara.log.first + 1).sent_at)) {
      world.tell({ event: "message_changed", chat: mara.id, device, id });
    }
  });
  await page.getByText("The new harbour fees").waitFor({ state: "detached" });
  expect(await place()).toBeCloseTo(before, 0);
  await done(screen);
});

test("a channel with thousands of members draws only those in sight, and finds one by name", async () => {
  const screen = await chromium.open("channel");
  const { page } = screen;
  await page.locator("main .one-line").first().waitFor();
  await page.evaluate(() => {
    const { world } = window.parley!;
    const chat = [...world.chats.values()].find((other) => other.name === "bike-repair")!;
    const like = world.named("Ines");
    for (let n = 0; n < 5_000; n += 1) {
      const username = `Rider ${String(n).padStart(4, "0")}`;
      const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
      world.people.set(id, { ...like, id, username });
      chat.members.push({ account: id, role: "member" });
    }
    chat.memberCount = chat.members.length;
    world.tell({ event: "chat", chat: chat.id });
  });
  await screen.press("Control+Shift+P");
  const aside = page.locator("aside");
  await aside.getByLabel("Find a member").waitFor();
  expect(await aside.locator("li").count()).toBeLessThan(80);
  await aside.locator(".body").evaluate((body) => body.scrollTo(0, body.scrollHeight));
  await aside.getByText("Rider 4999").waitFor();
  expect(await aside.locator("li").count()).toBeLessThan(80);
  await aside.getByLabel("Find a member").fill("rider 2345");
  await aside.getByText("Rider 2345").waitFor();
  await screen.isAccessible();
  await done(screen);
});

test("without the relay what needs it is disabled with the reason", async () => {
  const screen = await panel("group");
  await screen.world("goOffline", 60);
  const describe = screen.page.locator("aside").getByRole("button", { name: "Name and description" });
  await screen.page.waitForFunction(
    () => document.querySelector("aside [aria-disabled=true][aria-describedby]") !== null,
  );
  expect(await describe.getAttribute("aria-disabled")).toBe("true");
  await screen.isAccessible();
  await done(screen);
});

test.each([
  { name: "one column", options: { width: 400, height: 720 } },
  { name: "a rail beside it", options: { width: 900, height: 640 } },
  { name: "right to left", options: { lang: "ar" } },
  { name: "text of twice the size", options: { text: 2 } },
])("fits $name", async ({ options }) => {
  const screen = await panel("group", options);
  await screen.page.locator("aside li").first().waitFor();
  const wide = await screen.page.evaluate(() => {
    const body = document.querySelector("aside .body")!;
    return Math.max(body.scrollWidth - body.clientWidth, document.documentElement.scrollWidth - innerWidth);
  });
  expect(wide).toBe(0);
  await screen.isAccessible();
  await done(screen);
});

test("a member's menu is about that member, wherever their row goes meanwhile", async () => {
  const screen = await panel("group");
  const { page } = screen;
  const rows = page.locator("aside li .name");
  await page
    .locator("aside")
    .getByRole("button", { name: /^.?\s*Ines/ })
    .click();
  const menu = page.getByRole("menu", { name: "What to do with Ines" });
  await menu.waitFor();
  const before = await rows.allTextContents();
  await screen.world("comes", "Ines", "offline");
  await page.waitForFunction(
    (before) => [...document.querySelectorAll("aside li .name")].map((name) => name.textContent).join() !== before,
    before.join(),
  );
  await menu.getByRole("menuitem", { name: "Make an admin" }).click();
  await page
    .locator("aside")
    .getByRole("button", { name: /Ines\s*Admin/ })
    .waitFor();
  await done(screen);
});
