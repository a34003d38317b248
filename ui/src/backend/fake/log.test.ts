// The fake keeps to the interface's words about pages, so that what is built on it holds on the engine too.

import { expect, test, vi } from "vitest";
import { make } from ".";
import { clock } from "../../state/clock.svelte";

const texts = (lines: { text: string }[]) => lines.map(({ text }) => Number(text.split(":")[0]));

async function big() {
  const { backend } = make("big", { still: true });
  const chat = (await backend.chats()).find(({ name }) => name === "A hundred thousand")!;
  return { backend, chat: chat.id };
}

test("the newest, those before, those after", async () => {
  const { backend, chat } = await big();
  const newest = await backend.history(chat, { page: "newest" }, 3);
  expect(texts(newest)).toEqual([99_998, 99_999, 100_000]);
  const before = await backend.history(chat, { page: "before", position: newest[0]!.position }, 2);
  expect(texts(before)).toEqual([99_996, 99_997]);
  const after = await backend.history(chat, { page: "after", position: before[0]!.position }, 10);
  expect(texts(after)).toEqual([99_997, 99_998, 99_999, 100_000]);
});

test("around a message, at a time, from the first unread one", async () => {
  const { backend, chat } = await big();
  const [line] = await backend.history(chat, { page: "before", position: "50001" }, 1);
  const around = await backend.history(chat, { page: "around", device: line!.device, id: line!.id }, 30);
  expect(around).toHaveLength(30);
  expect(texts(around)).toContain(50_001);
  const at = await backend.history(chat, { page: "at", time: line!.sent_at }, 30);
  expect(texts(at)).toContain(50_001);
  const unread = await backend.history(chat, { page: "unread" }, 60);
  expect(texts(unread)).toContain(99_961);
});

test("what is hidden is on no page, and the others come in its place", async () => {
  const { backend, chat } = await big();
  const newest = await backend.history(chat, { page: "newest" }, 5);
  await backend.hide(chat, [newest[4]!, newest[2]!]);
  expect(texts(await backend.history(chat, { page: "newest" }, 3))).toEqual([99_996, 99_997, 99_999]);
  const after = await backend.history(chat, { page: "after", position: newest[0]!.position }, 9);
  expect(texts(after)).toEqual([99_997, 99_999]);
  const before = await backend.history(chat, { page: "before", position: newest[3]!.position }, 2);
  expect(texts(before)).toEqual([99_996, 99_997]);
  await expect(backend.message(chat, newest[2]!)).rejects.toMatchObject({ code: "not_found" });
});

test("what has yet to go out cannot be hidden, nor more than five hundred at once", async () => {
  const { backend, chat } = await big();
  const newest = await backend.history(chat, { page: "newest" }, 500);
  await expect(backend.hide(chat, [...newest, newest[0]!])).rejects.toMatchObject({ code: "invalid" });
  expect(await backend.history(chat, { page: "newest" }, 500)).toHaveLength(500);
  const key = await backend.send(chat, { text: "on its way", reply_to: null, mentions: [] });
  await expect(backend.hide(chat, [newest[0]!, key])).rejects.toMatchObject({ code: "invalid" });
  await expect(backend.message(chat, newest[0]!)).resolves.toMatchObject({ id: newest[0]!.id });
});

test("a change is seen by everybody who asks again", async () => {
  const { backend, chat } = await big();
  const [line] = await backend.history(chat, { page: "newest" }, 1);
  await backend.react(chat, line!, "⛵", true);
  const again = await backend.message(chat, line!);
  expect(again.reactions.some(({ emoji, own }) => emoji === "⛵" && own)).toBe(true);
});

test("what is older than messages are kept is gone, and the chat keeps the rest", async () => {
  const { backend, world } = make("main", { still: true });
  const id = await backend.newChannel("Tides", "", false);
  const chat = world.chat(id);
  const day = 86_400_000;
  const [oldest] = [9, 8, 6, 0].map((days) =>
    world.write(chat, { text: `${String(days)} days ago`, sent_at: clock.now() - days * day }),
  );
  const told = vi.fn();
  world.listen(told);
  await backend.setRetention(id, 7 * 86_400);
  const kept = await backend.history(id, { page: "newest" }, 500);
  expect([kept[0]!.text, kept.at(-1)]).toMatchObject([
    "6 days ago",
    { kind: "change", what: "retention_changed", subject: "604800" },
  ]);
  expect(await backend.history(id, { page: "before", position: kept[0]!.position }, 9)).toEqual([]);
  expect(await backend.history(id, { page: "at", time: 0 }, 1)).toEqual(kept.slice(0, 1));
  await expect(backend.message(id, oldest!)).rejects.toMatchObject({ code: "not_found" });
  expect(told).toHaveBeenCalledWith({ event: "message_changed", chat: id, device: oldest!.device, id: oldest!.id });
  chat.log.drop(Infinity);
  expect((await backend.chat(id)).last).toBeNull();
});

test("what was said between two people before they chose stays", async () => {
  const { backend, world } = make("main", { still: true });
  const { id } = [...world.chats.values()].find((chat) => world.peer(chat)?.username === "Jonas")!;
  const before = await backend.history(id, { page: "newest" }, 500);
  await backend.setRetention(id, 86_400);
  await backend.setRetention(id, 3_600);
  expect((await backend.history(id, { page: "newest" }, 500)).slice(0, -2)).toEqual(before);
});

test("a member does not say for how long messages are kept", async () => {
  const { backend, world } = make("main", { still: true });
  const allotment = [...world.chats.values()].find(({ name }) => name.startsWith("Allotment"))!;
  await expect(backend.setRetention(allotment.id, 86_400)).rejects.toMatchObject({ code: "forbidden" });
  expect((await backend.chat(allotment.id)).retention).toBeNull();
});
