// What the relay refuses for now is said once per chat, until something of that chat got through.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import { chatNamed } from "../backend/fake/scenes";
import type { MessageView } from "../backend/types";
import { chats } from "./chats.svelte";
import { stopEvents } from "./events";
import { start } from "./start";
import { toasts } from "./toasts.svelte";
import { forgetWaiting } from "./waiting";

let made: ReturnType<typeof make>;

beforeEach(async () => {
  made = make("list", { still: true });
  useBackend(made.backend);
  await start();
});
afterEach(() => {
  stopEvents();
  chats.clear();
  forgetWaiting();
  for (const toast of toasts.all) toasts.close(toast.id);
});

const refuse = (name: string) =>
  made.world.tell({
    event: "notice",
    chat: chatNamed(made.world, name).id,
    code: "waiting",
    message: "this relay holds at most 268435456 bytes of a chat (chat_bytes)",
  });

/** What is said since the last time. */
function said(): string[] {
  const all = toasts.all.map(({ text }) => text);
  for (const toast of toasts.all) toasts.close(toast.id);
  return all;
}

function write(name: string): MessageView {
  const chat = chatNamed(made.world, name);
  const line = made.world.write(chat, { text: "more", delivery: { state: "waiting" } });
  const { account, device, id } = line;
  made.world.tell({ event: "message", chat: chat.id, notify: false, account, device, id });
  return line;
}
const become = (name: string, line: MessageView, delivery: MessageView["delivery"]) =>
  made.world.change(chatNamed(made.world, name), line, () => ({ delivery }));
const settled = () => new Promise((done) => setTimeout(done, 20));

test("it is said once, with the name of the chat and not the relay's words", () => {
  refuse("Tomasz");
  expect(said()).toEqual([
    "The relay can take no more in ‘Tomasz’ just now. What you write there is kept on this device and goes out by itself.",
  ]);
  refuse("Tomasz");
  expect(said()).toEqual([]);
  refuse("Mara");
  expect(said()).toEqual([expect.stringContaining("‘Mara’")]);
});

test("it is said again in the next stretch, after something got through", async () => {
  const line = write("Tomasz");
  refuse("Tomasz");
  become("Tomasz", line, { state: "waiting" });
  await settled();
  said();
  become("Tomasz", line, { state: "sent" });
  await settled();
  refuse("Tomasz");
  expect(said()).toHaveLength(1);
});

test("what went before, or failed for good, ends no stretch", async () => {
  const before = write("Tomasz");
  become("Tomasz", before, { state: "sent" });
  refuse("Tomasz");
  const line = write("Tomasz");
  await settled();
  said();
  become("Tomasz", before, { state: "delivered" });
  become("Tomasz", line, { state: "failed", reason: "the chat was deleted" });
  await settled();
  refuse("Tomasz");
  expect(said()).toEqual([]);
});

test("what got through unseen is found", async () => {
  refuse("Tomasz");
  const line = write("Tomasz");
  await settled();
  said();
  const now = await made.backend.message(chatNamed(made.world, "Tomasz").id, line);
  vi.spyOn(made.backend, "message").mockResolvedValue({ ...now, delivery: { state: "sent" } });
  made.verbs.lag();
  await settled();
  refuse("Tomasz");
  expect(said()).toHaveLength(1);
});
