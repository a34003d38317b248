import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test } from "vitest";
import { words } from "../i18n/index.svelte";
import Trouble from "./Trouble.svelte";

afterEach(() => {
  cleanup();
  return words.use(["en-GB"]);
});

const broken = (code: string, message: string) =>
  render(Trouble, { phase: { phase: "broken", code, message } }).container.textContent ?? "";

const LOCKED =
  "This profile's sign-in is in the system's keychain, which cannot be read: SS error: prompt dismissed. Unlock the keychain and try again; or start with --no-keychain and sign in again.";

test("a locked keychain is to be unlocked, and nothing is said of a terminal", () => {
  const said = broken("keychain", LOCKED);
  expect(said).toContain("The system’s keychain is locked or can’t be read. Unlock it, then try again.");
  expect(said).not.toMatch(/SS error|--no-keychain/);
});

test("in German nothing English stands there that ours say, too", async () => {
  await words.use(["de"]);
  expect(broken("keychain", LOCKED)).toContain("Der Schlüsselbund des Systems ist gesperrt");
  expect(screen.queryByText(/keychain/)).toBeNull();
  cleanup();
  expect(broken("storage", "disk I/O error")).not.toContain("disk I/O");
  cleanup();
  expect(broken("from_the_future", "Look at this.")).toContain("Look at this.");
});

test("a full disk is said in words of its own, and what is not known in the engine's, once", () => {
  expect(broken("disk_full", "")).toContain("free some space and Parley goes on");
  cleanup();
  expect(broken("from_the_future", "Look at this.").match(/Look at this/g)).toHaveLength(1);
});
