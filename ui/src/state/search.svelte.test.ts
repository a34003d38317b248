// What is found follows what happens to the messages.

import { flushSync } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import { make } from "../backend/fake";
import { chats } from "./chats.svelte";
import { startEvents, stopEvents } from "./events";
import { Search } from "./search.svelte";

let backend: Backend;
let end: () => void;
let search: Search;

beforeEach(async () => {
  ({ backend } = make("list", { still: true }));
  useBackend(backend);
  await startEvents();
  await chats.load();
  end = $effect.root(() => {
    search = new Search();
    $effect(() => search.follow());
    $effect(() => search.listen());
  });
});

afterEach(() => {
  end();
  stopEvents();
  chats.clear();
});

async function find(query: string) {
  search.query = query;
  flushSync();
  await vi.waitUntil(() => search.settled && search.hits.length > 0);
}

test("a hit that is hidden, on whichever device, is found no longer", async () => {
  await find("the");
  const [gone] = search.hits;
  await backend.hide(gone!.message.chat, [gone!.message]);
  await vi.waitUntil(() => search.hits.every(({ message }) => message.id !== gone!.message.id));
});

test("a hit that is edited is shown as it reads now", async () => {
  await find("the");
  const own = search.hits.find(({ message }) => message.own)!.message;
  await backend.edit(own.chat, own, "The other one.");
  await vi.waitUntil(() =>
    search.hits.some(({ message }) => message.id === own.id && message.text === "The other one."),
  );
});

test("whoever looks for nothing asks for nothing when messages change", async () => {
  await find("the");
  const { message } = search.hits[0]!;
  search.clear();
  flushSync();
  const asked = vi.spyOn(backend, "search");
  await backend.react(message.chat, message, "⛵", true);
  expect(asked).not.toHaveBeenCalled();
});
