// The chat list: what it shows, how it is searched, and that a keyboard is enough.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch({ scale: 1 });
});
afterAll(() => chromium.close());

async function open(scene: string): Promise<Screen> {
  const screen = await chromium.open(scene);
  await screen.page.getByRole("option").first().waitFor();
  return screen;
}

const names = (screen: Screen) =>
  screen.page.locator('[role="listbox"] .name').evaluateAll((all) => all.map((name) => name.textContent?.trim()));

describe("what happens, shows", () => {
  test("a message moves its chat up, bold and counted", async () => {
    const screen = await open("list");
    await screen.world("messageFrom", "Yusuf", "Yusuf", "The train is late");
    const row = screen.page.getByRole("option", { name: /Yusuf/ });
    await row.getByText("The train is late").waitFor();
    expect((await names(screen)).indexOf("Yusuf")).toBe(2);
    expect(await row.getByText("1 unread message").count()).toBe(1);
    await screen.page.close();
  });

  test("what came in is said politely, a burst as a number", async () => {
    const screen = await open("list");
    const said = screen.page.locator('p[aria-live="polite"]');
    await screen.world("messageFrom", "Yusuf", "Yusuf", "The train is late");
    await said.getByText("Yusuf: The train is late").waitFor({ state: "attached" });
    for (let n = 0; n < 5; n += 1) await screen.world("messageFrom", "Yusuf", "Yusuf", `and ${n}`);
    await said.getByText("5 new messages").waitFor({ state: "attached" });
    await screen.page.close();
  });

  test("a route that holds is said politely, and so is a relay that is gone", async () => {
    const screen = await open("main");
    await screen.page.getByRole("heading", { name: "Mara" }).waitFor();
    const said = screen.page.locator('p.unseen[aria-live="polite"]');
    await screen.world("linkDown", "Mara");
    await said.getByText("Mara: Relay").waitFor({ state: "attached" });
    await screen.world("goOffline");
    await said.getByText(/Mara: Waiting|Relay not reached/).waitFor({ state: "attached" });
    await screen.page.close();
  });

  test("presence, typing and topics follow", async () => {
    const screen = await open("list");
    await screen.world("comes", "Yusuf", "online");
    const row = screen.page.getByRole("option", { name: /Yusuf/ });
    await row.getByText("Online").waitFor({ state: "attached" });
    await screen.world("types", "Yusuf", "Yusuf");
    await row.getByText("typing…").waitFor();
    await screen.world("topic", "harbour-wind", "7.4 m/s, south");
    await screen.page.getByText("7.4 m/s, south").waitFor();
    await screen.page.close();
  });

  test("without the relay its line says when it is tried again, and nobody's presence is claimed", async () => {
    const screen = await open("list");
    await screen.world("goOffline", 8);
    await screen.page.getByText("Relay not reached · retry in 8 s").waitFor();
    const jonas = screen.page.getByRole("option", { name: /Jonas/ });
    await expect.poll(() => jonas.locator(".dot").count()).toBe(0);
    expect(await screen.page.getByRole("option", { name: /Mara/ }).locator(".dot").count()).toBe(1);
    await screen.isAccessible();
    await screen.world("goOnline", 120);
    await screen.page.getByText("Catching up: 0 of 120").waitFor();
    await screen.world("goOnline", 20);
    await screen.page.getByText("Catching up: 100 of 120").waitFor();
    await screen.world("goOnline");
    await screen.page.getByText(/Relay connected/).waitFor();
    await screen.page.close();
  });

  test("one's own line is one line high, however narrow the list is", async () => {
    for (const width of [900, 1280]) {
      const { page } = await chromium.open("main", { width });
      const line = page.locator(".list footer");
      await line.getByText("41 ms").waitFor();
      expect((await line.boundingBox())!.height).toBe(48);
      const state = line.locator(".state");
      expect(await state.evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
      await page.close();
    }
  });

  test("the hand on what is cut off shows all of it, and on a time the full date", async () => {
    const { page } = await chromium.open("list", { width: 900 });
    const row = page.getByRole("option", { name: /Harbour Street 12/ });
    const [preview, time] = [row.locator(".preview"), row.locator("time")];
    await preview.waitFor();
    expect(await row.locator("[title]").count()).toBe(0);
    await preview.hover();
    const whole = (await preview.innerText()).replaceAll("\n", " ");
    expect(await preview.getAttribute("title")).toBe(whole);
    await time.hover();
    expect(await time.getAttribute("title")).toMatch(/^\w+,? \d+ \w+ \d{4}.* \d\d:\d\d:\d\d$/);
    await page.close();
  });

  test("three thousand chats are a few rows on the page", async () => {
    const screen = await open("many");
    expect(await screen.page.getByRole("option").count()).toBeLessThan(40);
    await screen.page
      .locator(".scroller")
      .first()
      .evaluate((scroller) => (scroller.scrollTop = 1e9));
    await screen.page.getByText("Live topics").waitFor();
    await screen.page.getByRole("option", { name: /Group/ }).first().waitFor();
    await screen.page.close();
  });
});

describe("search", () => {
  test("finds chats, people, channels and messages as one types, and marks what fits", async () => {
    const screen = await open("list");
    await screen.press("Control+f");
    await screen.page.keyboard.type("harb");
    const found = screen.page.getByRole("listbox", { name: "What was found" });
    await found.getByText("Public channels").waitFor();
    await found.getByText("Messages", { exact: true }).waitFor();
    const first = found.getByRole("option").first();
    expect(await first.textContent()).toContain("Harbour Street 12");
    expect(await first.locator("mark").first().textContent()).toBe("Harb");
    await screen.isAccessible();
    await screen.press("Enter");
    await screen.page.getByRole("heading", { name: "Harbour Street 12" }).waitFor();
    expect(await screen.page.getByRole("combobox", { name: "Search" }).inputValue()).toBe("");
    await screen.page.close();
  });

  test("a found message opens where it stands", async () => {
    const screen = await open("list");
    await screen.press("Control+f");
    await screen.page.keyboard.type("pump-out");
    await screen.page.getByRole("option", { name: /pump-out/ }).waitFor();
    await screen.press("Enter");
    await screen.page.getByText("The pump-out is free now.").waitFor();
    await screen.page.close();
  });

  test("somebody new on the relay is written to, a public channel joined", async () => {
    const screen = await open("list");
    await screen.press("Control+f");
    await screen.page.keyboard.type("harriet");
    await screen.page.getByRole("option", { name: /Harriet/ }).click();
    await screen.page.getByRole("heading", { name: "Harriet" }).click();
    await screen.press("Control+f");
    await screen.page.keyboard.type("harvest");
    await screen.page.getByRole("option", { name: /harvest-swap/ }).click();
    await screen.page.getByText("You joined harvest-swap").waitFor();
    await screen.page.close();
  });

  test("the keys that the field shows search from within a conversation too", async () => {
    const screen = await open("main");
    const composer = screen.page.locator(".composer textarea");
    await composer.focus();
    const shown = await screen.page.locator("nav kbd").first().textContent();
    await screen.press(shown!.trim().replace("Ctrl ", "Control+").toLowerCase().replace("control", "Control"));
    await screen.page.keyboard.type("pump-out");
    await screen.page.getByRole("option", { name: /pump-out/ }).waitFor();
    await screen.page.close();
  });

  test("nothing found is said, and why people are not", async () => {
    const screen = await open("list");
    await screen.world("goOffline");
    await screen.press("Control+f");
    await screen.page.keyboard.type("xyzzy");
    await screen.page.getByText("Nothing for ‘xyzzy’. Messages are searched on this device only.").waitFor();
    await screen.page.getByText("People and channels are found when the relay is back.").waitFor();
    await screen.press("Escape");
    await screen.page.getByRole("option", { name: /Mara/ }).waitFor();
    await screen.page.close();
  });
});

describe("by keyboard alone", () => {
  test("Tab reaches the list, arrows move, Enter opens, Alt-arrows step, Esc goes back", async () => {
    const screen = await open("list");
    await screen.press("Tab", "Tab", "Tab");
    expect(await screen.focused()).toContain("Mara");
    await screen.press("ArrowDown", "ArrowDown");
    await expect.poll(() => screen.focused()).toContain("Jonas");
    await screen.press("Enter");
    await screen.page.getByRole("heading", { name: "Jonas" }).waitFor();
    await screen.press("Alt+ArrowDown");
    await screen.page.getByRole("heading", { name: "bike-repair" }).waitFor();
    await screen.press("Alt+ArrowUp", "Alt+ArrowUp");
    await screen.page.getByRole("heading", { name: "Harbour Street 12" }).waitFor();
    await screen.press("Alt+Shift+ArrowDown");
    await screen.page.getByRole("heading", { name: "bike-repair" }).waitFor();
    await screen.page.close();
  });

  test("the menu of a chat opens, is walked through, and gives the focus back", async () => {
    const screen = await open("list");
    await screen.press("Tab", "Tab", "Tab", "ArrowDown", "ArrowDown");
    await expect.poll(() => screen.focused()).toContain("Jonas");
    await screen.press("Shift+F10");
    const menu = screen.page.getByRole("menu", { name: "What to do with Jonas" });
    await menu.waitFor();
    await screen.isAccessible();
    await expect.poll(() => screen.focused()).toBe("Pin");
    await screen.press("a");
    await expect.poll(() => screen.focused()).toBe("Archive");
    await screen.press("Escape");
    await expect.poll(() => screen.focused()).toContain("Jonas");
    await screen.page.close();
  });

  test("a preview that is written the other way is cut at its end, not at its beginning", async () => {
    const { page } = await chromium.open("list", { lang: "ar", width: 400, height: 720 });
    const preview = page.getByRole("option", { name: /Harbour Street 12/ }).locator(".preview");
    await preview.waitFor();
    const cut = await preview.evaluate((line) => {
      const text = line.querySelector(":scope > bdi:last-child")!;
      const range = document.createRange();
      range.setStart(text.firstChild!, 0);
      range.setEnd(text.firstChild!, 5);
      const [box, first] = [text.getBoundingClientRect(), range.getBoundingClientRect()];
      return {
        over: text.scrollWidth > text.clientWidth,
        begins: first.left >= box.left - 1 && first.right <= box.right,
      };
    });
    expect(cut).toEqual({ over: true, begins: true });
    await page.close();
  });

  test("archiving asks nothing and can be undone", async () => {
    const screen = await open("list");
    await screen.page.getByRole("option", { name: /Jonas/ }).click({ button: "right" });
    await screen.page.getByRole("menuitem", { name: "Archive" }).click();
    await screen.page.getByText("Jonas is archived").waitFor();
    await expect.poll(() => names(screen)).not.toContain("Jonas");
    await screen.page.getByRole("button", { name: "Undo" }).click();
    await expect.poll(() => names(screen)).toContain("Jonas");
    await screen.page.close();
  });

  test("pinned chats stay on top", async () => {
    const screen = await open("list");
    await screen.page.getByRole("option", { name: /Yusuf/ }).click({ button: "right" });
    await screen.page.getByRole("menuitem", { name: "Pin" }).click();
    await expect.poll(async () => (await names(screen)).indexOf("Yusuf")).toBe(2);
    await screen.page.close();
  });

  test("the archive is a list of its own", async () => {
    const screen = await open("list");
    await screen.page.getByRole("button", { name: "1 archived chat" }).click();
    await screen.page.getByRole("option", { name: /Flea market/ }).waitFor();
    await screen.press("Escape");
    await screen.page.getByRole("option", { name: /Mara/ }).waitFor();
    await screen.page.close();
  });
});
