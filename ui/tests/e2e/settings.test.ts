// The settings: every page, what it changes, and what it says without the relay.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Options, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch({ width: 1040, height: 760 });
});
afterAll(() => chromium.close());

const PAGES = ["Profile", "Devices", "Privacy", "Notifications", "Appearance", "Shortcuts", "Relay", "About"];

async function settings(page: string, options: Options = {}): Promise<Screen> {
  const screen = await chromium.open("list", options);
  await screen.page.getByText("Harbour Street 12").first().waitFor();
  await screen.press("Control+,");
  await screen.page.getByRole("navigation").getByRole("button", { name: page }).click();
  await screen.page.getByRole("heading", { level: 1, name: page }).waitFor();
  return screen;
}

async function done({ page, complaints }: Screen) {
  expect(complaints).toEqual([]);
  await page.close();
}

test("the pages are gone through by arrows, Esc closes them and gives the chats back", async () => {
  const screen = await chromium.open("list");
  const { page } = screen;
  await page.getByText("Harbour Street 12").first().waitFor();
  await screen.press("Control+,");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-current") === "page");
  for (const name of PAGES) {
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await screen.isAccessible();
    await screen.press("ArrowDown");
  }
  await screen.press("Escape");
  await page.getByText("Harbour Street 12").first().waitFor();
  await done(screen);
});

describe("profile", () => {
  test("the password is changed after the old one is right", async () => {
    const screen = await settings("Profile");
    const { page } = screen;
    await page.getByText("noor@harbour.example").waitFor();
    const opener = page.getByRole("button", { name: "Change" });
    await opener.click();
    const dialog = page.getByRole("dialog", { name: "Change your password" });
    await dialog.getByLabel("Password now").fill("wrong one");
    await dialog.getByLabel("New password").fill("ankle teapot violet harbour");
    await dialog.getByRole("button", { name: "Change" }).click();
    await dialog.getByText("This is not your password.").waitFor();
    await screen.isAccessible();
    await dialog.getByLabel("Password now").fill("correct horse battery");
    await screen.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.getByText("Password changed.").waitFor();
    expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
    await done(screen);
  });

  test("signing out is asked about, Esc keeps one in", async () => {
    const screen = await settings("Profile");
    const { page } = screen;
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Sign out of this device?" });
    await dialog.waitFor();
    expect(await screen.focused()).toBe("Cancel");
    await screen.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(await page.getByRole("heading", { level: 1, name: "Profile" }).isVisible()).toBe(true);

    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await dialog.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("Sign in again to go on.").waitFor();
    await done(screen);
  });

  test("an account is deleted only with its password, after what it means was said", async () => {
    const screen = await settings("Profile");
    const { page } = screen;
    await page.getByRole("button", { name: "Delete account" }).click();
    const dialog = page.getByRole("dialog", { name: "Delete your account?" });
    await dialog.getByText("Your username stays taken").waitFor();
    await screen.isAccessible();
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await dialog.getByText("Type your password.").waitFor();
    await dialog.getByLabel("Your password").fill("correct horse battery");
    await screen.press("Enter");
    await page.getByText("You are signed out").waitFor();
    await done(screen);
  });
});

test("devices: this one first; another is renamed and removed", async () => {
  const screen = await settings("Devices");
  const { page } = screen;
  const names = page.locator("main li bdi");
  await names.first().waitFor();
  expect(await names.first().textContent()).toBe("This laptop");
  const row = (name: string) => page.getByRole("listitem").filter({ hasText: name });
  expect(await row("This laptop").textContent()).toMatch(/Debian GNU\/Linux 12, Parley 0\.1\.0\. Since/);
  expect(await row("Desktop at home").textContent()).toMatch(/Online\. Windows.*1 ms.*local network/s);
  expect(await row("Terminal on the server").textContent()).toMatch(/Last seen.*terminal.*waiting/s);
  await page.getByRole("button", { name: "Rename Desktop at home" }).click();
  await page.keyboard.type("Desk");
  await screen.press("Enter");
  await page.getByRole("button", { name: "Rename Desk" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Rename Desk");

  await page.getByRole("button", { name: "Remove Desk" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove Desk?" });
  await dialog.waitFor();
  await screen.isAccessible();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByText("Desk was removed.").waitFor();
  expect(await page.getByRole("button", { name: "Remove Desk" }).count()).toBe(0);
  await done(screen);
});

test("privacy: what is chosen is kept, and somebody blocked is let in again", async () => {
  const screen = await settings("Privacy");
  const { page } = screen;
  expect(await page.getByRole("radio", { name: "Verified" }).count()).toBe(0);
  await page.getByText("The other side sees your network address.").waitFor();
  await page.getByRole("switch", { name: "Hide my address behind TURN" }).click();
  await page.getByText("The other side doesn’t see your network address.").waitFor();
  await page.getByText(/the relay carries everything\.$/).waitFor();
  await screen.isAccessible();
  await page.getByRole("radiogroup", { name: "Connect directly" }).getByRole("radio", { name: "Nobody" }).click();
  await page.getByText("Everything goes through the relay.").waitFor();
  await page.getByRole("switch", { name: "Read receipts" }).click();
  const presence = page.getByRole("radiogroup", { name: "Presence" });
  await page.getByText("for people you share a chat with").waitFor();
  const before = await presence.boundingBox();
  await presence.getByRole("radio", { name: "Everyone" }).press("ArrowRight");
  await page.getByText("for people in your direct chats").waitFor();
  expect(await screen.focused()).toBe("Contacts");
  expect(await presence.boundingBox()).toEqual(before);
  const kept = () =>
    page.evaluate(() => ({ ...window.parley!.world.settings, shows: window.parley!.world.showsPresence }));
  expect(await kept()).toEqual({
    direct_links: "never",
    read_marks: false,
    typing: true,
    hide_address: true,
    shows: "contacts",
  });

  await page.evaluate(() => {
    const { world } = window.parley!;
    world.blocked.add(world.named("Tomasz").id);
  });
  await page.getByRole("navigation").getByRole("button", { name: "Devices" }).click();
  await page.getByRole("navigation").getByRole("button", { name: "Privacy" }).click();
  await page.getByRole("button", { name: "Unblock Tomasz" }).click();
  await page.getByText("Nobody is blocked.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Unblock Tomasz" }).waitFor();
  await done(screen);
});

test("appearance: theme, language, size and keys act at once", async () => {
  const screen = await settings("Appearance");
  const { page } = screen;
  await page.getByRole("radio", { name: "Dark" }).click();
  await page.waitForSelector("html[data-theme=dark]");
  await screen.isAccessible();
  await page.getByRole("button", { name: "Larger" }).click();
  await page.getByText("110 %").waitFor();
  await page.getByRole("switch", { name: "Enter sends" }).click();
  await page.getByText("Ctrl ↵ sends").waitFor();
  await page.getByLabel("Language").selectOption("ar");
  await page.waitForSelector("html[dir=rtl]");
  await page.getByRole("heading", { level: 1, name: "المظهر" }).waitFor();
  await screen.isAccessible();
  await done(screen);
});

test("relay: its state follows, and a try is made at once", async () => {
  const screen = await settings("Relay");
  const { page } = screen;
  await page.getByText("https://relay.harbour.example").waitFor();
  await page.getByText("30 days").waitFor();
  await screen.world("goOffline", 8);
  await page.getByText(/Not reached\. The next try is in \d seconds?\./).waitFor();
  await screen.isAccessible();
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText("Connected · 41 ms").waitFor();
  await done(screen);
});

test("without the relay, what comes from it says so and comes by itself when it is back", async () => {
  const screen = await chromium.open("list");
  const { page } = screen;
  await page.getByText("Harbour Street 12").first().waitFor();
  await screen.world("goOffline", 60);
  await screen.press("Control+,");
  await page.getByRole("navigation").getByRole("button", { name: "Devices" }).click();
  await page.getByText("This comes from the relay, which can’t be reached just now.").waitFor();
  await screen.isAccessible();
  await screen.world("goOnline");
  await page.getByText("This laptop").waitFor();
  await done(screen);
});

test("on one column the pages come first, then the page, then the way back", async () => {
  const screen = await chromium.open("list", { width: 400, height: 720 });
  const { page } = screen;
  await page.getByText("Harbour Street 12").first().waitFor();
  await screen.press("Control+,");
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  await screen.isAccessible();
  await page.getByRole("button", { name: "Privacy" }).click();
  await page.getByRole("heading", { level: 1, name: "Privacy" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  await screen.isAccessible();
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Devices" }).waitFor();
  await page.getByRole("button", { name: "Back" }).click();
  await page.getByText("Harbour Street 12").first().waitFor();
  await done(screen);
});

test.each(["Profile", "Devices", "Privacy", "Appearance"])("%s fits text of twice the size", async (name) => {
  const screen = await settings(name, { text: 2, width: 900, height: 640 });
  const wide = await screen.page.evaluate(() => {
    const main = document.querySelector("main")!;
    return main.scrollWidth - main.clientWidth;
  });
  expect(wide).toBe(0);
  await screen.isAccessible();
  await done(screen);
});
