import { expect, it } from "vitest";
import type { ChatView, Role } from "../backend/types";
import { chatMenu } from "./menu";

const chat = (kind: ChatView["kind"], role: Role | null, change: Partial<ChatView> = {}) =>
  ({ id: "c", kind, role, name: "x", status: "active", member_count: 4, muted_until: null, ...change }) as ChatView;
/** What can't be undone in a chat. */
const final = (of: ChatView) =>
  chatMenu(of)
    .filter((item) => item.danger)
    .map((item) => item.label);

it("leaves a group or channel, and deletes it for everyone by its owner alone", () => {
  expect(final(chat("group", "member"))).toEqual(["Leave"]);
  expect(final(chat("group", "admin"))).toEqual(["Leave"]);
  expect(final(chat("group", "owner"))).toEqual(["Delete the group"]);
  expect(final(chat("public_channel", "owner"))).toEqual(["Delete the channel"]);
  expect(final(chat("private_channel", "owner", { member_count: 1 }))).toEqual(["Leave", "Delete the channel"]);
});

it("only puts away a chat with one person, or one that is over", () => {
  for (const over of [
    chat("direct", "member"),
    chat("group", null, { status: "left" }),
    chat("group", "owner", { status: "deleted" }),
  ]) {
    expect(final(over)).toEqual([]);
    expect(chatMenu(over).map((item) => item.label)).toContain("Archive");
  }
});

it("draws one line above what can't be undone", () => {
  const owner = chatMenu(chat("group", "owner", { member_count: 1 }));
  expect(owner.filter((item) => item.apart).map((item) => item.label)).toEqual(["Leave"]);
});
