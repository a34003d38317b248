// From the lines of a conversation to the rows of its list: which messages join into a group, where a day begins, where
// the unread ones begin, and since when messages wait. Pure: it knows neither the backend nor the document.

import type { MessageKey, MessageView } from "../backend/types";

/** Messages of one sender join while less than this lies between two of them. */
export const GROUP_MILLIS = 5 * 60 * 1000;

/** A message, and how it stands in its group. */
export interface MessageRow {
  row: "message";
  key: string;
  line: MessageView;
  /** Nothing of the same group above it. */
  first: boolean;
  /** Nothing of the same group below it. */
  last: boolean;
  /** Whether its time and state show without a hand on it: the last of a group, or where the state differs. */
  meta: boolean;
}

/** A change of the chat or a gap: a sentence in the middle. */
export interface SentenceRow {
  row: "sentence";
  key: string;
  line: MessageView;
}

export interface DayRow {
  row: "day";
  key: string;
  time: number;
}

export interface UnreadRow {
  row: "unread";
  key: string;
}

export interface WaitingRow {
  row: "waiting";
  key: string;
  since: number;
}

/** Stands above the first line held while those before it can't be had. */
export interface FailedRow {
  row: "failed";
  key: string;
}

/** Stands above the very first line. */
export interface StartRow {
  row: "start";
  key: string;
}

export type Row = MessageRow | SentenceRow | DayRow | UnreadRow | WaitingRow | FailedRow | StartRow;

export interface RowOptions {
  /** Whether the first line is the first of the conversation. */
  atStart: boolean;
  /** Whether what is before the first line could not be loaded. */
  olderFailed: boolean;
  /** Before which message "Unread from here" stands. */
  unreadFrom: string | null;
  /** Whether what waits is waiting for the network: then the rows say since when. */
  waiting: boolean;
}

/** One name for a message everywhere in the screen. */
export function keyOf(key: MessageKey): string {
  return `${key.device}/${key.id}`;
}

/** Whether a row stays whatever else is loaded: what is said of a day or of unread ones comes and goes with it. */
export function isFixed(key: string): boolean {
  return key.includes("/") && !key.startsWith("day ");
}

// Lines that stand together are mostly of one day, and a date costs more than a comparison.
let day = { from: 0, to: 0 };

/** Midnight of the day a time lies in, by this device's clock. */
export function dayOf(time: number): number {
  if (time < day.from || time >= day.to) {
    const date = new Date(time);
    const midnight = (after: number) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + after).getTime();
    day = { from: midnight(0), to: midnight(1) };
  }
  return day.from;
}

export function sameDay(a: number, b: number): boolean {
  return dayOf(a) === dayOf(b);
}

function joins(above: MessageView, below: MessageView): boolean {
  return (
    above.kind === "text" &&
    below.kind === "text" &&
    above.account === below.account &&
    sameDay(above.sent_at, below.sent_at) &&
    Math.abs(below.sent_at - above.sent_at) < GROUP_MILLIS
  );
}

function sameState(a: MessageView, b: MessageView): boolean {
  return a.delivery.state === b.delivery.state && (a.edited_at === null) === (b.edited_at === null);
}

/** The rows for a run of lines, oldest first. */
export function rowsOf(lines: readonly MessageView[], options: RowOptions): Row[] {
  const rows: Row[] = [];
  const waitingFrom = options.waiting ? lines.findIndex((line) => line.own && line.delivery.state === "waiting") : -1;
  if (options.atStart) rows.push({ row: "start", key: "start" });
  else if (options.olderFailed) rows.push({ row: "failed", key: "failed" });
  // Whether something was put between the message before and this one.
  let parted = true;
  lines.forEach((line, index) => {
    const before = lines[index - 1];
    const key = keyOf(line);
    if (before ? !sameDay(before.sent_at, line.sent_at) : options.atStart) {
      rows.push({ row: "day", key: `day ${String(dayOf(line.sent_at))} ${key}`, time: line.sent_at });
      parted = true;
    }
    if (key === options.unreadFrom) {
      rows.push({ row: "unread", key: "unread" });
      parted = true;
    }
    if (index === waitingFrom) {
      rows.push({ row: "waiting", key: "waiting", since: line.sent_at });
      parted = true;
    }
    if (line.kind !== "text") {
      rows.push({ row: "sentence", key, line });
      parted = true;
      return;
    }
    const joined = !parted && before !== undefined && joins(before, line);
    const above = rows[rows.length - 1];
    if (joined && above?.row === "message") {
      above.last = false;
      above.meta = !sameState(above.line, line);
    }
    rows.push({ row: "message", key, line, first: !joined, last: true, meta: true });
    parted = false;
  });
  return rows;
}

/** These rows, but each that says what one before said is that one: what shows it has nothing to do then. */
export function keepSame(before: readonly Row[], rows: readonly Row[]): Row[] {
  const known = new Map(before.map((row) => [row.key, row]));
  return rows.map((row) => {
    const old = known.get(row.key);
    return old && isSame(old, row) ? old : row;
  });
}

function isSame(a: Row, b: Row): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name as keyof Row] === b[name as keyof Row]);
}
