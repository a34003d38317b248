import { beforeEach, expect, test } from "vitest";
import { make } from "../backend/fake";
import type { ChatView } from "../backend/types";
import { words } from "../i18n/index.svelte";
import { preview } from "./preview";

let chats: Map<string, ChatView>;

beforeEach(async () => {
  await words.use(["en-GB"]);
  const { backend } = make("list", { still: true });
  chats = new Map((await backend.chats()).map((chat) => [chat.name, chat]));
});

const of = (name: string, typing: string[] = [], open = false) => preview(chats.get(name)!, typing, open);

test("typing is said before everything else", () => {
  expect(of("Jonas", ["somebody"])).toMatchObject({ kind: "typing", text: "typing…" });
});

test("in a group the one who wrote last and types is named", () => {
  const ben = chats.get("Harbour Street 12")!.last!.account;
  expect(of("Harbour Street 12", [ben])).toMatchObject({ kind: "typing", text: "Ben is typing…" });
  expect(of("Harbour Street 12", ["another"])).toMatchObject({ text: "typing…" });
});

test("a draft stands before the last message, but not in the chat one is in", () => {
  expect(of("Jonas")).toMatchObject({ kind: "draft", prefix: "Draft:", text: "About the key for the boathouse" });
  expect(of("Jonas", [], true)).toMatchObject({ kind: "text", prefix: "" });
});

test("in groups and channels the sender is named", () => {
  expect(of("Harbour Street 12").prefix).toBe("Ben:");
  expect(of("فاطمة").prefix).toBe("");
});

test("an own last message shows how far it came, a failed one says so", () => {
  expect(of("Yusuf")).toMatchObject({ delivery: "delivered", text: "See you at the station, platform 4" });
  expect(of("Tomasz")).toMatchObject({ kind: "failed", prefix: "Not sent:", delivery: "failed" });
});

test("several lines and control characters become one plain line", () => {
  const chat = chats.get("Yusuf")!;
  const last = { ...chat.last!, text: "one\n\ntwo\u202E three\u0007\n```sh\nls\n```" };
  expect(preview({ ...chat, last }, [], false).text).toBe("one two three ls");
});

test("what was deleted or left is said", () => {
  const chat = chats.get("Yusuf")!;
  expect(preview({ ...chat, last: { ...chat.last!, deleted: true, text: "" } }, [], false).text).toBe(
    "You deleted this message",
  );
  expect(preview({ ...chat, status: "left" }, [], false).text).toBe("You are no longer a member");
});
