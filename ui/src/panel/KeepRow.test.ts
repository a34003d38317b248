import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import { chatNamed } from "../backend/fake/scenes";
import type { ChatView } from "../backend/types";
import { words } from "../i18n/index.svelte";
import { startEvents, stopEvents } from "../state/events";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import KeepRow from "./KeepRow.svelte";

const DAY = 86_400;
let world: ReturnType<typeof make>;

beforeEach(async () => {
  await words.use(["en-GB"]);
  world = make("main", { still: true });
  useBackend(world.backend);
  await startEvents();
  await session.start();
});
afterEach(() => {
  cleanup();
  stopEvents();
  navigation.clear();
});

async function row(name: string, change: Partial<ChatView> = {}): Promise<ChatView> {
  const chat = { ...(await world.backend.chat(chatNamed(world.world, name).id)), ...change };
  render(KeepRow, { chat });
  return chat;
}

it("opens the dialog for whoever may change it", async () => {
  const chat = await row("Mara");
  await userEvent.click(screen.getByRole("button", { name: /Keep messages\s*For ever/ }));
  expect(navigation.dialog).toEqual({ dialog: "keep", chat: chat.id });
});

it("shows everybody else the time alone", async () => {
  await row("Harbour Street 12", { role: "member" });
  expect(screen.getByText("90 days")).toBeTruthy();
  expect(screen.queryByRole("button")).toBeNull();
});

it("says what the relay keeps: no longer than the chat, and of a channel the history", async () => {
  await row("Harbour Street 12");
  await screen.findByText("The relay keeps what is undelivered for 30 days.");
  cleanup();
  await row("Harbour Street 12", { retention: 7 * DAY });
  await screen.findByText("The relay keeps what is undelivered for 7 days.");
  cleanup();
  await row("board");
  await screen.findByText(/keeps the whole history/);
  cleanup();
  await row("board", { retention: 30 * DAY });
  await screen.findByText(/keeps the history for 30 days/);
});

it("says of a channel no more than the relay keeps", async () => {
  const checkRelay = async (relay: string) => ({
    ...(await world.backend.checkRelay(relay)),
    history_retention: 7 * DAY,
  });
  useBackend({ ...world.backend, checkRelay });
  await row("board", { retention: 30 * DAY });
  await screen.findByText(/keeps the history for 7 days/);
});
