// The first start, and the way back for whoever was signed out.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function done({ page, complaints }: Screen) {
  expect(complaints).toEqual([]);
  await page.close();
}

async function chooseRelay({ page }: Screen, relay = "relay.harbour.example") {
  await page.getByLabel("Relay address or invite").fill(relay);
  await page.getByRole("button", { name: "Continue" }).click();
}

test("somebody new gets in by keyboard alone", async () => {
  const screen = await chromium.open("start");
  const { page } = screen;
  await page.waitForFunction(() => document.activeElement?.matches("input"));
  await page.keyboard.type("relay.harbour.example");
  await page.getByText("Open for new accounts").waitFor();
  await screen.isAccessible();
  await screen.press("Enter");
  await page.getByRole("heading", { name: "Your account" }).waitFor();
  await screen.isAccessible();
  await page.keyboard.type("ada");
  await screen.press("Tab");
  await page.keyboard.type("ada@example.org");
  await screen.press("Tab");
  await page.keyboard.type("ankle teapot violet harbour");
  await page.getByText("Good.").waitFor();
  await screen.press("Enter");
  await page.getByText("No chats yet").waitFor();
  expect(await page.getByText("ada").first().isVisible()).toBe(true);
  await done(screen);
});

test("what is wrong is said at its field, and the first of them has the focus", async () => {
  const screen = await chromium.open("start");
  const { page } = screen;
  await chooseRelay(screen);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Choose a username.").waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute("autocomplete"))).toBe("username");
  await screen.isAccessible();

  await page.getByLabel("Username").fill("Mara");
  await page.getByLabel("E-mail address").fill("mara@example");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByText("This is no address such as").waitFor();
  await page.getByText("At least 8 characters.").first().waitFor();
  await page.getByLabel("E-mail address").fill("mara@example.org");
  await page.getByLabel("Password", { exact: true }).fill("ankle teapot violet");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Somebody has this username").waitFor();
  expect(await page.getByLabel("Username").getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("Username").fill("Marah");
  await page.getByText("Somebody has this username").waitFor({ state: "hidden" });
  await page.getByRole("status").getByText("Free").waitFor();
  await screen.isAccessible();
  await page.getByLabel("Username").fill("mARA");
  // Before anybody asks for the account.
  await page.getByText("Somebody has this username").waitFor();
  await done(screen);
});

describe("a relay", () => {
  test.each([
    ["relay.harbour.example", "On Harbour relay, relay.harbour.example."],
    ["localhost:3030", "On localhost:3030."],
  ])("%s is named once: %s", async (typed, said) => {
    const screen = await chromium.open("start");
    await chooseRelay(screen, typed);
    await screen.page.getByText(said, { exact: true }).waitFor();
    await done(screen);
  });

  test.each([
    ["nowhere.example", "Nothing answers at nowhere.example"],
    ["broken.example", "it is no Parley relay"],
    ["dGhpcyBpcyBhIGNvZGUgb2Yg", "A code alone doesn’t say which relay"],
    ["parley://join/x", "This invite is not complete"],
  ])("%s: says what is wrong and keeps what was typed", async (typed, said) => {
    const screen = await chromium.open("start");
    await chooseRelay(screen, typed);
    await screen.page.getByText(said).waitFor();
    expect(await screen.page.getByLabel("Relay address or invite").inputValue()).toBe(typed);
    expect(await screen.page.getByRole("heading", { name: "Choose your relay" }).isVisible()).toBe(true);
    await done(screen);
  });

  test("that is closed leads to signing in, with no way to sign up", async () => {
    const screen = await chromium.open("start");
    await chooseRelay(screen, "closed.example");
    await screen.page.getByRole("heading", { name: "Welcome back" }).waitFor();
    expect(await screen.page.getByText("I have no account here yet").count()).toBe(0);
    await done(screen);
  });

  test("that wants a code takes it from the invite link", async () => {
    const screen = await chromium.open("start");
    const code = "0f8fad5bd9cb469fa16570867728950e";
    await chooseRelay(screen, `parley://join/invite.example/${code}`);
    await screen.page.getByRole("heading", { name: "Your account" }).waitFor();
    expect(await screen.page.getByLabel("Invite code").inputValue()).toBe(code);
    await done(screen);
  });

  test("without TLS is warned of, outside of this machine", async () => {
    const screen = await chromium.open("start");
    await screen.page.getByLabel("Relay address or invite").fill("http://relay.harbour.example");
    await screen.page.getByText("This address has no TLS").waitFor();
    await screen.isAccessible();
    await screen.page.getByLabel("Relay address or invite").fill("localhost:3030");
    await screen.page.getByText("Open for new accounts").waitFor();
    expect(await screen.page.getByText("This address has no TLS").count()).toBe(0);
    await done(screen);
  });
});

test("an invite link that is opened signed out waits until one is in", async () => {
  const screen = await chromium.open("start");
  const { page } = screen;
  await screen.world("openLink", "parley://join/relay.harbour.example/dGhpcyBpcyBhIGNvZGUgb2Yg");
  await page.getByText("Your invite opens once you are in.").waitFor();
  await page.getByRole("button", { name: "I already have an account" }).click();
  await page.getByLabel("Username or e-mail address").fill("Noor");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await screen.press("Enter");
  await page.getByRole("dialog", { name: "Open an invite" }).waitFor();
  await page.getByText("This invite is unknown, used up or has run out").waitFor();
  await screen.isAccessible();
  await done(screen);
});

describe("whoever was signed out", () => {
  test("reads why, is asked for the password alone, and gets back in", async () => {
    const screen = await chromium.open("list");
    const { page } = screen;
    await page.getByText("Harbour Street 12").first().waitFor();
    await screen.world("signOut", "the password was changed on another device; sign in again");
    await page.getByText("The password was changed on another device.").waitFor();
    await page.getByText("Your chats are still on this device.").waitFor();
    const who = page.getByLabel("Username or e-mail address");
    await who.waitFor();
    expect(await who.inputValue()).toBe("Noor");
    await page.waitForFunction(() => document.activeElement?.matches("[type=password]"));
    await screen.isAccessible();

    await page.keyboard.type("not this one");
    await screen.press("Enter");
    await page.getByText("Unknown name or wrong password").waitFor();
    await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await screen.press("Enter");
    await page.getByText("Harbour Street 12").first().waitFor();
    await done(screen);
  });

  test("reads another reason in the relay’s own words", async () => {
    const screen = await chromium.open("list");
    await screen.page.getByText("Harbour Street 12").first().waitFor();
    await screen.world("signOut", "the operator asks everybody to sign in again");
    await screen.page.getByText("The operator asks everybody to sign in again.").waitFor();
    await done(screen);
  });
});

test("another profile opens in a window of its own, and a new one is made", async () => {
  const screen = await chromium.open("start");
  const { page } = screen;
  await page.getByRole("button", { name: "Use another profile" }).click();
  await page.getByRole("button", { name: "Open work" }).click();
  await page.getByText("work is open in a window of its own.").waitFor();
  await page.getByLabel("Name of the new profile").fill("Work");
  await page.getByText("There is a profile of this name already.").waitFor();
  await screen.isAccessible();
  await page.getByLabel("Name of the new profile").fill("boat-club");
  await screen.press("Enter");
  await page.getByText("boat-club is open in a window of its own.").waitFor();
  expect(await page.evaluate(() => window.parley!.world.opened)).toEqual(["profile:work", "profile:boat-club"]);
  await done(screen);
});

describe("fits", () => {
  test.each([
    { name: "a narrow window in Arabic", options: { lang: "ar", width: 400, height: 720 } },
    { name: "text of twice the size", options: { text: 2, width: 900, height: 640 } },
    { name: "a wide window in German", options: { lang: "de", width: 1600, height: 900 } },
  ])("$name", async ({ options }) => {
    const screen = await chromium.open("start", options);
    const { page } = screen;
    await page.setViewportSize({ width: options.width, height: options.height });
    await page.locator("input").fill("relay.harbour.example");
    await page.locator("button[type=submit]").click();
    await page.locator("input[type=email]").waitFor();
    await page.locator("button[type=submit]").click();
    await page.locator("[aria-invalid=true]").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
    await screen.isAccessible();
    await done(screen);
  });
});

test("at the smallest usual size the whole form stands in the window, and the relay's name stands out", async () => {
  const screen = await chromium.open("start", { width: 960, height: 660 });
  const { page } = screen;
  await page.getByLabel("Relay address or invite").fill("relay.harbour.example");
  const name = page.locator(".card .name .one-line");
  await name.waitFor();
  const weight = (one: Element) => Number(getComputedStyle(one).fontWeight);
  expect(await name.evaluate(weight)).toBeGreaterThan(500);
  expect(await page.locator(".card .name > :last-child").evaluate(weight)).toBe(400);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "I have an account here" }).waitFor();
  expect(await page.locator("main").evaluate((main) => main.scrollHeight - main.clientHeight)).toBe(0);
  await done(screen);
});
