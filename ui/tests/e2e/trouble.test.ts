// When things go wrong as a whole: the window says what happened and what to do.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Chromium } from "./browser";

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch({ scale: 1 });
});
afterAll(() => chromium.close());

test("a profile that another window has open is tried again", async () => {
  const { page } = await chromium.open("broken");
  await page.getByText("Another Parley has the profile ‘default’ open.").waitFor();
  await page.getByRole("button", { name: "Open again" }).click();
  await page.getByRole("option", { name: /Mara/ }).waitFor();
  await page.close();
});

test("an engine that ended is opened again, and the chats are back", async () => {
  const screen = await chromium.open("main");
  await screen.page.getByRole("option", { name: /Mara/ }).waitFor();
  await screen.world("stop", "The disk is full.");
  await screen.page.getByText("Parley has stopped working").waitFor();
  await screen.page.getByText("The disk is full.").waitFor();
  await screen.isAccessible();
  await screen.page.getByRole("button", { name: "Open again" }).click();
  await screen.page.getByRole("option", { name: /Mara/ }).waitFor();
  await screen.page.close();
});

test("signed out elsewhere, one begins again and sees nothing of before", async () => {
  const screen = await chromium.open("main");
  await screen.page.getByRole("heading", { name: "Mara" }).waitFor();
  await screen.world("signOut", "this device was revoked");
  await screen.page.getByText("You are signed out.").waitFor();
  expect(await screen.page.getByText("Harbour Street 12").count()).toBe(0);
  await screen.isAccessible();
  await screen.page.close();
});

test("a relay of another version is named, and what is on this device stays readable", async () => {
  const { page } = await chromium.open("incompatible");
  await page.getByText("This relay speaks another version").waitFor();
  await page.getByRole("option", { name: /Jonas/ }).click();
  await page.getByText("You get it tomorrow morning.").waitFor();
  await page.close();
});
