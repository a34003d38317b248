// Ctrl-K: go anywhere, do anything.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Chromium, type Screen } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium.close());

async function open(scene = "main"): Promise<Screen> {
  const screen = await chromium.open(scene);
  await screen.page.getByRole("option").first().waitFor();
  return screen;
}

test("finds a chat by its beginning, opens it by Enter, and is gone", async () => {
  const screen = await open();
  await screen.press("Control+k");
  const palette = screen.page.getByRole("dialog", { name: "Go anywhere, do anything" });
  await palette.waitFor();
  await screen.page.keyboard.type("har");
  await palette.getByText("harbour-master").waitFor();
  await palette.getByText("Harriet", { exact: true }).waitFor();
  await palette.getByText("Share an invite link").waitFor({ state: "detached" });
  await screen.isAccessible();
  await screen.page.screenshot({ path: "tests/pictures/palette-light.png" });
  await screen.press("Enter");
  await palette.waitFor({ state: "detached" });
  await screen.page.getByRole("heading", { name: "Harbour Street 12" }).waitFor();
  expect(screen.complaints).toEqual([]);
  await screen.page.close();
});

test("offers what makes sense where one is", async () => {
  const screen = await open("group");
  await screen.page.getByRole("heading", { name: "Harbour Street 12" }).waitFor();
  await screen.press("Control+k");
  await screen.page.keyboard.type("invite");
  await screen.page.getByRole("option", { name: /Share an invite link/ }).waitFor();
  await screen.press("Control+k");
  await screen.page.getByRole("dialog").waitFor({ state: "detached" });
  await screen.page.close();
});

test("does things: the theme changes, the focus comes back", async () => {
  const screen = await open();
  await screen.page.getByRole("combobox", { name: "Search", exact: true }).focus();
  await screen.press("Control+k");
  await screen.page.keyboard.type("dark");
  await screen.press("Enter");
  await expect.poll(() => screen.page.locator("html").getAttribute("data-theme")).toBe("dark");
  expect(await screen.focused()).toBe("Search");
  await screen.press("Control+k");
  await screen.page.keyboard.type("har");
  await screen.page.getByRole("option", { name: /Harriet/ }).waitFor();
  await screen.page.screenshot({ path: "tests/pictures/palette-dark.png" });
  await screen.isAccessible();
  await screen.page.close();
});

test("arrows go round, Esc closes and changes nothing", async () => {
  const screen = await open();
  await screen.press("Control+k");
  const chosen = screen.page.locator('[role="dialog"] [aria-selected="true"], dialog [aria-selected="true"]');
  expect(await chosen.textContent()).toContain("Harbour Street 12");
  await screen.press("ArrowUp");
  expect(await chosen.textContent()).toContain("Quit Parley");
  await screen.press("ArrowDown", "ArrowDown");
  expect(await chosen.textContent()).toContain("Jonas");
  await screen.press("Escape");
  await screen.page.getByRole("dialog").waitFor({ state: "detached" });
  await screen.page.getByRole("heading", { name: "Mara" }).waitFor();
  await screen.page.close();
});
