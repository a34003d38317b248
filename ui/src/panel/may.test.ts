import { describe, expect, it } from "vitest";
import type { ChatView, MemberView, Role } from "../backend/types";
import { mayKeep, mayLeave, mayManage, mayRemove, owns } from "./may";

const chat = (role: Role | null, change: Partial<ChatView> = {}) =>
  ({ kind: "group", status: "active", role, member_count: 4, ...change }) as ChatView;
const member = (role: Role) => ({ role }) as MemberView;

describe("in a group", () => {
  it("admins and the owner add people and make invites", () => {
    expect((["member", "admin", "owner"] as const).map((role) => mayManage(chat(role)))).toEqual([false, true, true]);
  });

  it("an admin removes members, the owner admins too, and nobody the owner", () => {
    const removed = (own: Role) =>
      (["member", "admin", "owner"] as const).filter((role) => mayRemove(chat(own), member(role)));
    expect(removed("member")).toEqual([]);
    expect(removed("admin")).toEqual(["member"]);
    expect(removed("owner")).toEqual(["member", "admin"]);
  });

  it("the owner stays until it is handed over, unless alone in it", () => {
    expect(mayLeave(chat("member"))).toBe(true);
    expect(mayLeave(chat("owner"))).toBe(false);
    expect(mayLeave(chat("owner", { member_count: 1 }))).toBe(true);
  });
});

it("lets both of a direct chat say how long messages are kept, and of many the owner and admins", () => {
  expect(mayKeep(chat(null, { kind: "direct" }))).toBe(true);
  expect(mayKeep(chat(null, { kind: "direct", blocked: true }))).toBe(false);
  for (const kind of ["group", "private_channel", "public_channel"] as const) {
    const may = (["member", "admin", "owner"] as const).map((role) => mayKeep(chat(role, { kind })));
    expect(may).toEqual([false, true, true]);
  }
});

it("gives nobody any right in a chat that was left, or a direct one", () => {
  for (const change of [{ status: "left" }, { status: "deleted" }, { kind: "direct" }] as Partial<ChatView>[]) {
    const gone = chat("owner", change);
    expect([mayManage(gone), owns(gone), mayLeave(gone)]).toEqual([false, false, false]);
    if (gone.status !== "active") expect(mayKeep(gone)).toBe(false);
  }
});
