import { afterEach, expect, test } from "vitest";
import { followLink } from "./links";
import { navigation } from "./navigation.svelte";

afterEach(() => navigation.clear());

test("a link to an invite asks before anything is joined", () => {
  followLink("parley://join/relay.harbour.example/Ab3_x-9");
  expect(navigation.dialog).toEqual({
    dialog: "open_invite",
    link: "parley://join/relay.harbour.example/Ab3_x-9",
  });
});

test("a chat is opened in place of the settings, and the message to go to is taken once", () => {
  const target = { device: "d", id: "m" };
  navigation.settings = "about";
  navigation.openChat("c", target);
  expect(navigation.settings).toBeNull();
  expect(navigation.takeTarget()).toEqual(target);
  expect(navigation.takeTarget()).toBeNull();
});
