import { expect, it } from "vitest";
import type { MessageView } from "../backend/types";
import { dayOf, keepSame, rowsOf, sameDay, type Row } from "./rows";

const NOON = new Date(2025, 10, 20, 12, 0).getTime();
let made = 0;

function line(account: string, minutes: number, more: Partial<MessageView> = {}): MessageView {
  made += 1;
  const view = {
    device: "d",
    id: String(made),
    kind: "text",
    chat: "c",
    position: String(made),
    account,
    username: account,
    own: account === "me",
    text: "hello",
    reply_to: null,
    mentions: [],
    sent_at: NOON + minutes * 60_000,
    received_at: NOON + minutes * 60_000,
    edited_at: null,
    deleted: false,
    reactions: [],
    delivery: account === "me" ? { state: "sent" } : { state: "received" },
    route: "relay",
  };
  return { ...view, ...more } as MessageView;
}

const plain = { atStart: false, olderFailed: false, unreadFrom: null, waiting: false };

/** `(` opens a group, `)` closes it, `.` shows its time. */
function shape(rows: Row[]): string {
  return rows
    .map((row) =>
      row.row === "message" ? `${row.first ? "(" : ""}m${row.meta ? "." : ""}${row.last ? ")" : ""}` : row.row,
    )
    .join(" ");
}

it("joins what one person says within five minutes", () => {
  expect(shape(rowsOf([line("a", 0), line("a", 2), line("a", 6.5), line("a", 12)], plain))).toBe("(m m m.) (m.)");
  expect(shape(rowsOf([line("a", 0), line("b", 1), line("a", 2)], plain))).toBe("(m.) (m.) (m.)");
  expect(shape(rowsOf([line("a", 0), line("a", 5)], plain))).toBe("(m.) (m.)");
});

it("parts a group at midnight, at the unread line and at sentences", () => {
  const late = line("a", 11 * 60 + 58);
  expect(shape(rowsOf([late, line("a", 12 * 60 + 1)], plain))).toBe("(m.) day (m.)");
  const unread = line("a", 1);
  expect(shape(rowsOf([line("a", 0), unread], { ...plain, unreadFrom: `d/${unread.id}` }))).toBe("(m.) unread (m.)");
  const change = line("a", 1, { kind: "change", what: "renamed", subject: "x" } as Partial<MessageView>);
  expect(shape(rowsOf([line("a", 0), change, line("a", 2)], plain))).toBe("(m.) sentence (m.)");
});

it("shows the state where it differs within a group", () => {
  const read = line("me", 0, { delivery: { state: "read" } });
  expect(shape(rowsOf([read, line("me", 1), line("me", 2)], plain))).toBe("(m. m m.)");
});

it("says where the conversation starts, and since when what waits has waited", () => {
  const waiting = line("me", 3, { delivery: { state: "waiting" } });
  const lines = [line("me", 0), waiting];
  expect(shape(rowsOf(lines, { ...plain, atStart: true, waiting: true }))).toBe("start day (m.) waiting (m.)");
  expect(shape(rowsOf(lines, plain))).toBe("(m. m.)");
});

it("says that older lines could not be loaded, in place of the start", () => {
  const lines = [line("a", 0)];
  expect(shape(rowsOf(lines, { ...plain, olderFailed: true }))).toBe("failed (m.)");
  expect(shape(rowsOf(lines, { ...plain, olderFailed: true, atStart: true }))).toBe("start day (m.)");
});

it("gives every row a key of its own", () => {
  const lines = [line("a", 0), line("a", 24 * 60), line("a", 0), line("a", 24 * 60)];
  const keys = rowsOf(lines, { ...plain, atStart: true }).map((row) => row.key);
  expect(new Set(keys).size).toBe(keys.length);
});

it("keeps the rows that older ones in front and a change of another one leave as they were", () => {
  const [older, a, b, c] = [line("a", -30), line("a", 0), line("a", 1), line("b", 2)];
  const before = rowsOf([a, b, c], plain);
  const after = keepSame(before, rowsOf([older, a, { ...b, edited_at: NOON }, c], plain));
  expect(after[1]).not.toBe(before[0]);
  expect(after[1]).toEqual({ ...before[0], meta: true });
  expect(after[2]).not.toBe(before[1]);
  expect(after[3]).toBe(before[2]);
  expect(keepSame(after, rowsOf([older, a], plain))[0]).toBe(after[0]);
});

it("knows a day from the next one and the one before, whichever was asked for last", () => {
  const [late, early] = [new Date(2025, 10, 20, 23, 59, 59, 999).getTime(), new Date(2025, 10, 21).getTime()];
  for (const time of [late, early, late]) expect(dayOf(time)).toBe(new Date(time).setHours(0, 0, 0, 0));
  expect(sameDay(late, early)).toBe(false);
  expect(sameDay(early, early + 86_399_999)).toBe(true);
});
