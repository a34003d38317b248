// New chats, invites, topics, muting, leaving, deleting.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function open(scene = "main"): Promise<Screen> {
  const screen = await chromium.open(scene);
  await screen.page.getByText("Harbour Street 12").first().waitFor();
  return screen;
}

async function done({ page, complaints }: Screen) {
  expect(complaints).toEqual([]);
  await page.close();
}

describe("a new chat", () => {
  test("with a person, by keyboard alone", async () => {
    const screen = await open();
    const { page } = screen;
    await screen.press("Control+N");
    const dialog = page.getByRole("dialog", { name: "New chat" });
    await dialog.getByRole("option").first().waitFor();
    await screen.isAccessible();
    await page.keyboard.type("harr");
    await dialog.getByRole("option", { name: /Harriet/ }).waitFor();
    await screen.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("main").getByText("Harriet").first().waitFor();
    await done(screen);
  });

  test("says when nobody has that name, and when people can’t be looked up", async () => {
    const screen = await open();
    const { page } = screen;
    await screen.press("Control+N");
    await page.keyboard.type("zz");
    await page.getByText("Nobody’s name on Harbour relay begins with ‘zz’.").waitFor();
    await screen.world("goOffline", 60);
    await page.keyboard.type("z");
    await page.getByText("People can’t be looked up just now.").waitFor();
    await screen.world("goOnline");
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByText("Nobody’s name on Harbour relay begins with ‘zzz’.").waitFor();
    await screen.isAccessible();
    await done(screen);
  });

  test("as a group of several, chosen and taken back by keyboard", async () => {
    const screen = await open();
    const { page } = screen;
    await screen.press("Control+N");
    const dialog = page.getByRole("dialog", { name: "New chat" });
    await dialog.getByRole("radio", { name: "Group" }).click();
    await dialog.getByRole("button", { name: "Make the group" }).click();
    await dialog.getByText("Choose somebody first.").waitFor();
    for (const name of ["mara", "ben", "lena"]) {
      await dialog.getByRole("combobox").fill(name);
      await dialog.getByRole("option", { name: new RegExp(name, "i") }).waitFor();
      await screen.press("Enter");
    }
    await screen.press("Backspace");
    await dialog.getByText("2 people chosen").waitFor();
    await screen.isAccessible();
    await dialog.getByLabel("Name of the group").fill("Mast and sails");
    await screen.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("main").getByText("Mast and sails").first().waitFor();
    await page.getByText("3 members").first().waitFor();
    await done(screen);
  });

  test("as a channel, and says who can read it", async () => {
    const screen = await open();
    const { page } = screen;
    await screen.press("Control+N");
    const dialog = page.getByRole("dialog", { name: "New chat" });
    await dialog.getByRole("radio", { name: "Channel", exact: true }).click();
    await dialog.getByRole("button", { name: "Make the channel" }).click();
    await dialog.getByText("Give it a name.").waitFor();
    await page.keyboard.type("tide-table");
    await dialog.getByRole("radio", { name: "Anyone" }).click();
    await dialog.getByText("Public: anyone on Harbour relay, and the relay itself, can read this.").waitFor();
    await screen.isAccessible();
    await dialog.getByRole("button", { name: "Make the channel" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("main").getByText("tide-table").first().waitFor();
    await done(screen);
  });

  test("as a public channel that is found and joined", async () => {
    const screen = await open();
    const { page } = screen;
    const title = await page.evaluate(() => window.parley!.world.listed[0]!.name);
    await screen.press("Control+N");
    const dialog = page.getByRole("dialog", { name: "New chat" });
    await dialog.getByRole("radio", { name: "Public channels" }).click();
    await dialog.getByRole("button", { name: "Open bike-repair" }).waitFor();
    await screen.isAccessible();
    await dialog.getByRole("button", { name: `Join ${title}` }).click();
    await page.getByText(`You are in ${title}`).waitFor();
    await page.getByRole("main").getByText(title).first().waitFor();
    await done(screen);
  });
});

describe("an invite", () => {
  test("is looked at before one joins", async () => {
    const screen = await open();
    const { page } = screen;
    const { link, title } = await page.evaluate(() => {
      const { world } = window.parley!;
      const chat = world.listed[0]!;
      const code = "dGhpcyBpcyBhIGNvZGUgb2Yg";
      const expires_at = Date.now() + 10 * 86_400_000;
      chat.invites.push({ code, chat: chat.id, title: chat.name, expires_at, uses_left: 3 });
      return { link: `parley://join/relay.harbour.example/${code}`, title: chat.name };
    });
    await screen.world("openLink", link);
    const dialog = page.getByRole("dialog", { name: "Open an invite" });
    await dialog.getByText(title).waitFor();
    await dialog.getByText("3 uses left").waitFor();
    await screen.isAccessible();
    await dialog.getByRole("button", { name: "Join" }).click();
    await page.getByText(`You are in ${title}`).waitFor();
    await done(screen);
  });

  test("that is opened while another one is looked at takes its place", async () => {
    const screen = await open();
    const links = await screen.page.evaluate(() => {
      const { world } = window.parley!;
      return world.listed.slice(0, 2).map((chat, at) => {
        const code = `dGhpcyBpcyBhIGNvZGUgb2Y${at}`;
        chat.invites.push({ code, chat: chat.id, title: chat.name, expires_at: Date.now() + 86_400_000, uses_left: 3 });
        return { title: chat.name, link: `parley://join/relay.harbour.example/${code}` };
      });
    });
    const dialog = screen.page.getByRole("dialog", { name: "Open an invite" });
    for (const { link, title } of links) {
      await screen.world("openLink", link);
      await dialog.getByText(title).waitFor();
    }
    expect(await dialog.getByText(links[0]!.title).count()).toBe(0);
    await done(screen);
  });

  test.each([
    ["parley://join/other.example/dGhpcyBpcyBhIGNvZGUgb2Yg", "This invite is for other.example"],
    ["parley://join/relay.harbour.example/dGhpcyBpcyBhIGNvZGUgb2Yg", "unknown, used up or has run out"],
    ["0f8fad5bd9cb469fa16570867728950e", "This code is for making an account"],
    ["hello there", "This is no invite"],
  ])("%s: says what is wrong", async (text, said) => {
    const screen = await open();
    const { page } = screen;
    await screen.world("openLink", "parley://join/");
    const dialog = page.getByRole("dialog", { name: "Open an invite" });
    await dialog.getByLabel("Invite link or code").fill(text);
    await screen.press("Enter");
    await dialog.getByText(said).waitFor();
    await done(screen);
  });
});

test("muting for a while, undone", async () => {
  const screen = await open();
  const { page } = screen;
  const muted = () =>
    page.evaluate(() => [...window.parley!.world.chats.values()].find((chat) => chat.name === "Mara")!.mutedUntil);
  await screen.press("Control+Shift+P");
  await page.locator("aside").getByRole("button", { name: "Mute" }).click();
  const dialog = page.getByRole("dialog", { name: "Mute Mara" });
  await dialog.waitFor();
  expect(await screen.focused()).toBe("For an hour");
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "For 8 hours" }).click();
  await page.getByText("Mara is muted").waitFor();
  await page
    .locator("aside")
    .getByRole("button", { name: /Unmute/ })
    .waitFor();
  expect(await muted()).not.toBeNull();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator("aside").getByRole("button", { name: "Mute" }).waitFor();
  expect(await muted()).toBeNull();
  await done(screen);
});

test("leaving a channel is asked about; what one has of it stays", async () => {
  const screen = await open("channel");
  const { page } = screen;
  await screen.press("Control+Shift+P");
  await page.locator("aside").getByRole("button", { name: "Leave" }).click();
  const dialog = page.getByRole("dialog", { name: "Leave bike-repair?" });
  await dialog.getByText("What you have stays on this device.").waitFor();
  expect(await screen.focused()).toBe("Cancel");
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Leave" }).click();
  await page.getByText("You left bike-repair").waitFor();
  await page.locator("aside").getByText("You are no longer in it.").waitFor();
  // What was left can be put away, which asks nothing.
  await page.locator("aside").getByRole("button", { name: "Archive" }).click();
  await page.getByText("bike-repair is archived").waitFor();
  await page.getByRole("button", { name: "Archive", exact: true }).waitFor({ state: "detached" });
  await done(screen);
});

test("deleting a group for everyone, and Esc that keeps it", async () => {
  const screen = await open("group");
  const { page } = screen;
  await screen.press("Control+Shift+P");
  const remove = page.locator("aside").getByRole("button", { name: "Delete the group" });
  await remove.click();
  const dialog = page.getByRole("dialog", { name: "Delete Harbour Street 12?" });
  await dialog.getByText("For everyone in it, and for good: 6 members.").waitFor();
  await screen.isAccessible();
  await screen.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.locator("aside").waitFor();
  await remove.click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("Harbour Street 12 was deleted").waitFor();
  await done(screen);
});

test("a name and a description are changed", async () => {
  const screen = await open("group");
  const { page } = screen;
  await screen.press("Control+Shift+P");
  await page.locator("aside").getByRole("button", { name: "Name and description" }).click();
  const dialog = page.getByRole("dialog", { name: "Name and description" });
  await dialog.getByLabel("Name", { exact: true }).fill("");
  await dialog.getByText("Give it a name.").waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("Harbour Street 14");
  await dialog.getByLabel("Description").fill("The house next door.");
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("main").getByText("Harbour Street 14").first().waitFor();
  await page.locator("aside").getByText("The house next door.").waitFor();
  await done(screen);
});

test("people are added; those who are in it can’t be chosen", async () => {
  const screen = await open("group");
  const { page } = screen;
  await screen.press("Control+Shift+P");
  await page.locator("aside").getByRole("button", { name: "Add", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Add people to Harbour Street 12" });
  await dialog.getByRole("combobox").fill("ben");
  await dialog.getByRole("option", { name: /Ben.*In it already/s }).waitFor();
  await screen.press("Enter");
  expect(await dialog.getByRole("button", { name: "Add", exact: true }).getAttribute("aria-disabled")).toBe("true");
  await dialog.getByRole("combobox").fill("harriet");
  await dialog.getByRole("option", { name: /Harriet/ }).waitFor();
  await screen.press("Enter");
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Add 1 person" }).click();
  await page.getByText("1 person was added").waitFor();
  await page
    .locator("aside")
    .getByRole("button", { name: /Harriet/ })
    .waitFor();
  await done(screen);
});

test("topics are listened to, published on, and left", async () => {
  const screen = await open();
  const { page } = screen;
  await screen.press("Control+K");
  await page.keyboard.type("listen");
  await page.getByRole("option", { name: /Listen to a topic/ }).click();
  const dialog = page.getByRole("dialog", { name: "Live topics" });
  await dialog.getByLabel("Topic").fill("sport..chess");
  await screen.press("Enter");
  await dialog.getByText("There is a part missing between its dots.").waitFor();
  await dialog.getByLabel("Topic").fill("sport.>");
  await screen.press("Enter");
  await dialog.getByRole("button", { name: "Stop listening to sport.>" }).waitFor();
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Stop listening to sport.>" }).click();
  await dialog.getByRole("button", { name: "Stop listening to sport.>" }).waitFor({ state: "detached" });
  await dialog.getByRole("button", { name: "Publish" }).first().click();
  const publish = page.getByRole("dialog", { name: "Publish to a topic" });
  await publish.getByRole("button", { name: "Publish" }).click();
  await publish.getByText("Type what to publish.").waitFor();
  await publish.getByLabel("Message").fill("Delayed by four minutes");
  await screen.isAccessible();
  await publish.getByRole("button", { name: "Publish" }).click();
  await publish.waitFor({ state: "detached" });
  await page.getByText(/was listening|ha(s|ve) it/).waitFor();
  await done(screen);
});

test("all shortcuts are one key away", async () => {
  const screen = await open("list");
  await screen.press("?");
  const dialog = screen.page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await dialog.getByText("Ctrl N").waitFor();
  await screen.isAccessible();
  await screen.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await done(screen);
});
