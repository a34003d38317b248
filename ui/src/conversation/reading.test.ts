import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import type { ChatView, MessageView } from "../backend/types";
import { Reading } from "./reading";
import type { MessageRow } from "./rows";

const chat = { id: "c", unread: 3 } as ChatView;
const row = (id: number): MessageRow => ({
  row: "message",
  key: `d/${id}`,
  line: { device: "d", id: String(id) } as MessageView,
  first: true,
  last: true,
  meta: true,
});

let seen: MessageRow | null;
let reading: Reading;
const markRead = vi.fn<Backend["markRead"]>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
  markRead.mockReset().mockResolvedValue();
  useBackend({ markRead } as unknown as Backend);
  seen = row(1);
  reading = new Reading(
    () => chat,
    () => seen,
    (key, other) => key > other,
  );
});
afterEach(() => {
  reading.end();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function looked(): Promise<void> {
  reading.look();
  await vi.runAllTimersAsync();
}

it("tells what was in sight once a moment has passed, and each message once", async () => {
  reading.look();
  expect(markRead).not.toHaveBeenCalled();
  seen = row(2);
  await looked();
  await looked();
  expect(markRead.mock.calls).toEqual([["c", { device: "d", id: "2" }]]);
});

it("does not go back to what stands higher up", async () => {
  seen = row(2);
  await looked();
  seen = row(1);
  await looked();
  expect(markRead).toHaveBeenCalledTimes(1);
});

it("tells it again when it could not be told", async () => {
  markRead.mockRejectedValueOnce(new Error("closed"));
  await looked();
  await looked();
  expect(markRead).toHaveBeenCalledTimes(2);
});

it("takes nothing for read that was left, or stood in a window without the focus", async () => {
  reading.look();
  reading.end();
  await vi.runAllTimersAsync();
  vi.spyOn(document, "hasFocus").mockReturnValue(false);
  await looked();
  expect(markRead).not.toHaveBeenCalled();
});
