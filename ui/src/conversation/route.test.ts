import { afterEach, expect, test } from "vitest";
import type { ChatKind, ChatView, Route } from "../backend/types";
import { words, type Language } from "../i18n/index.svelte";
import { travelOf } from "./route";

afterEach(() => words.use(["en-GB"]));

const said = (kind: ChatKind, route: Route) =>
  travelOf({ kind, name: "Mara", route: { route } } as ChatView, []).sentence;

test("only of a direct chat it is said that a direct link is tried for", () => {
  expect(said("direct", "relay")).toContain("keeps trying for a direct link");
  expect(said("group", "relay")).toBe(
    "Groups always go through the relay, which passes messages on to the devices of every member.",
  );
  expect(said("private_channel", "relay")).toContain("keeps their history");
});

test.each([
  ["de", "Gruppen gehen immer über das Relay"],
  ["ar", "تمرّ المجموعات دائمًا عبر المرحّل"],
] satisfies [Language, string][])("in %s too", async (language, begins) => {
  await words.use([language]);
  expect(said("group", "relay").startsWith(begins)).toBe(true);
});
