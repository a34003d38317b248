import { cleanup, render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../backend";
import type { Backend } from "../backend/backend";
import { make } from "../backend/fake";
import { chatNamed } from "../backend/fake/scenes";
import type { ChatView } from "../backend/types";
import { words } from "../i18n/index.svelte";
import Keep from "./Keep.svelte";

const DAY = 86_400;
let backend: Backend;
let chat: ChatView;
let verbs: ReturnType<typeof make>["verbs"];
const onclose = vi.fn();

beforeEach(async () => {
  await words.use(["en-GB"]);
  const made = make("main", { still: true });
  ({ backend, verbs } = made);
  useBackend(backend);
  onclose.mockReset();
  chat = await backend.chat(chatNamed(made.world, "Harbour Street 12").id);
  render(Keep, { chat, onclose });
});
afterEach(cleanup);

const choose = (name: string) => userEvent.click(screen.getByRole("radio", { name }));
const retention = async () => (await backend.chat(chat.id)).retention;

it("begins at what it is now, which has the focus", () => {
  const now = screen.getByRole<HTMLInputElement>("radio", { name: "90 days" });
  expect(now.checked).toBe(true);
  expect(document.activeElement).toBe(now);
});

it("says that what was written before anybody chose stays", () => {
  screen.getByText(/What was written before a time was first chosen stays/);
});

it("says on its button that a shorter time deletes, and of a longer one that it is kept", async () => {
  await choose("7 days");
  const button = screen.getByRole("button", { name: "Delete older messages" });
  expect(button.className).toContain("danger");
  await choose("1 year");
  expect(screen.getByRole("button", { name: "Save" }).className).not.toContain("danger");
  await choose("For ever");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(onclose).toHaveBeenCalled());
  expect(await retention()).toBeNull();
});

it("deletes nothing of what two people said before they chose, and says so", async () => {
  cleanup();
  chat = (await backend.chats()).find(({ name }) => name === "Jonas")!;
  render(Keep, { chat, onclose });
  screen.getByText(/What has been written so far stays/);
  await choose("1 day");
  expect(screen.getByRole("button", { name: "Save" }).className).not.toContain("danger");
});

it("says of a channel that what is there already counts", async () => {
  cleanup();
  const id = await backend.newChannel("Tides", "", false);
  render(Keep, { chat: await backend.chat(id), onclose });
  screen.getByText(/That goes for what is already written, too/);
  await choose("1 day");
  screen.getByRole("button", { name: "Delete older messages" });
});

it("tells nobody of a choice that is the one before", async () => {
  const told = vi.spyOn(backend, "setRetention");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(onclose).toHaveBeenCalled();
  expect(told).not.toHaveBeenCalled();
});

it("says so when the relay can’t be reached, and keeps the choice", async () => {
  verbs.goOffline();
  await choose("7 days");
  await userEvent.click(screen.getByRole("button", { name: "Delete older messages" }));
  expect((await screen.findByRole("alert")).textContent).toMatch(/reached/);
  expect(onclose).not.toHaveBeenCalled();
  expect(screen.getByRole<HTMLInputElement>("radio", { name: "7 days" }).checked).toBe(true);
  expect(await retention()).toBe(90 * DAY);
});
