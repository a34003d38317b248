// The conversation over the world in memory: what a person sees of what the engine tells.

import { cleanup, configure, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import { chatNamed } from "../backend/fake/scenes";
import type { MessageView } from "../backend/types";
import { begunIn, forgetBegun } from "../state/begun";
import { chats } from "../state/chats.svelte";
import { startEvents, stopEvents } from "../state/events";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import { signOut } from "../state/start";
import { typing } from "../state/typing.svelte";
import Conversation from "./Conversation.svelte";

// A machine with much else to do takes its time over a whole screen.
vi.setConfig({ testTimeout: 20_000 });
configure({ asyncUtilTimeout: 8_000 });

let world: ReturnType<typeof make>;

beforeEach(async () => {
  world = make("failed", { still: true });
  useBackend(world.backend);
  await startEvents();
  chats.listen();
  typing.listen();
  await session.start();
  await chats.load();
});

afterEach(() => {
  cleanup();
  stopEvents();
  chats.clear();
  navigation.clear();
  forgetBegun();
});

async function open(name: string): Promise<string> {
  const chat = chatNamed(world.world, name);
  navigation.chat = chat.id;
  render(Conversation, { chat: chat.id });
  await screen.findAllByRole("article");
  return chat.id;
}

const composer = () => screen.getByRole<HTMLTextAreaElement>("textbox");

it("says why a message was not sent, and offers to try again", async () => {
  await open("Tomasz");
  const failed = screen.getByRole("article", { name: /The floor plan/ });
  expect(within(failed).getByText(/already has 2,000 messages waiting/)).toBeTruthy();
  await userEvent.click(within(failed).getByRole("button", { name: "Retry" }));
  await waitFor(() => expect(screen.queryByText(/already has 2,000/)).toBeNull());
});

it("keeps what was written when the engine refuses it", async () => {
  await open("Tomasz");
  const refused = { code: "invalid", message: "the text has 70000 bytes; at most 65536 are allowed" };
  useBackend({ ...world.backend, send: () => Promise.reject(refused) });
  await userEvent.type(composer(), "a long story{Enter}");
  expect((await screen.findByRole("alert")).textContent).toContain("at most 65536");
  expect(composer().value).toBe("a long story");
});

it("lets only what was just sent here come in gently, not what is there or what others write", async () => {
  await open("Tomasz");
  expect(document.querySelector(".bubble.sent")).toBeNull();
  await userEvent.type(composer(), "a first word{Enter}");
  const own = await screen.findByRole("article", { name: /a first word/ });
  expect(own.querySelector(".bubble.sent")).not.toBeNull();
  world.verbs.messageFrom("Tomasz", "Tomasz", "an answer");
  const answer = await screen.findByRole("article", { name: /an answer/ });
  expect(answer.querySelector(".bubble.sent")).toBeNull();
});

it("keeps the draft when one leaves", async () => {
  const chat = await open("Tomasz");
  await userEvent.type(composer(), "half a thought");
  cleanup();
  await waitFor(async () => expect((await world.backend.chat(chat)).draft).toBe("half a thought"));
});

/** Puts the keyboard on a message and presses a key. */
async function press(message: RegExp, key: string): Promise<void> {
  screen.getByRole("article", { name: message }).focus();
  await userEvent.keyboard(key);
}

it("keeps an answer that was begun when one leaves, and sends it as one", async () => {
  const chat = await open("Tomasz");
  world.verbs.messageFrom("Tomasz", "Tomasz", "Sunday or Monday?");
  await screen.findByText("Sunday or Monday?");
  await press(/Sunday or Monday/, "r");
  await userEvent.type(composer(), "Sun");
  cleanup();
  await waitFor(async () => expect((await world.backend.chat(chat)).draft).toBe("Sun"));
  await chats.refreshed(chat);
  await open("Tomasz");
  await screen.findByRole("button", { name: "Don’t reply to it" });
  await userEvent.type(composer(), "day{Enter}");
  await screen.findByRole("article", { name: /Sunday$|Sunday,/ });
  const [sent] = (await world.backend.history(chat, { page: "newest" }, 1)) as [MessageView];
  expect(sent).toMatchObject({ text: "Sunday", reply_to: { text: "Sunday or Monday?" } });
  expect(screen.queryByRole("button", { name: "Don’t reply to it" })).toBeNull();
});

it("keeps an edit and what was changed in it when one leaves, apart from the draft", async () => {
  const chat = await open("Tomasz");
  await userEvent.type(composer(), "a thought");
  await press(/The floor plan/, "e");
  await userEvent.type(composer(), ", changed");
  cleanup();
  await waitFor(async () => expect((await world.backend.chat(chat)).draft).toBe("a thought"));
  await chats.refreshed(chat);
  await open("Tomasz");
  expect(composer().value).toMatch(/^The floor plan.*, changed$/);
  await userEvent.click(screen.getByRole("button", { name: "Save the edit" }));
  await screen.findByRole("article", { name: /, changed/ });
  await waitFor(() => expect(composer().value).toBe("a thought"));
});

it("does not come back to what was begun about a message that is gone", async () => {
  const chat = await open("Tomasz");
  await press(/The floor plan/, "r");
  await screen.findByRole("button", { name: "Don’t reply to it" });
  cleanup();
  const line = (await world.backend.history(chat, { page: "newest" }, 9)).find(({ text }) => /^The floor/.test(text))!;
  await world.backend.delete(chat, line);
  await open("Tomasz");
  await waitFor(() => expect(screen.queryByRole("button", { name: "Don’t reply to it" })).toBeNull());
});

it("answers no longer what goes while one writes, and keeps the words", async () => {
  const chat = await open("Tomasz");
  await press(/The floor plan/, "r");
  await screen.findByRole("button", { name: "Don’t reply to it" });
  await userEvent.type(composer(), "on its way");
  const line = (await world.backend.history(chat, { page: "newest" }, 9)).find(({ text }) => /^The floor/.test(text))!;
  world.world.forget(world.world.chat(chat), line.sent_at + 1);
  await waitFor(() => expect(screen.queryByRole("button", { name: "Don’t reply to it" })).toBeNull());
  expect(composer().value).toBe("on its way");
});

it("cannot delete for oneself what has yet to go out", async () => {
  await open("Tomasz");
  await press(/The floor plan/, "{Delete}");
  const dialog = within(await screen.findByRole("dialog"));
  // Nobody has it, so there is no everyone.
  expect(dialog.getByRole("button", { name: "Delete" })).toBeTruthy();
  expect(dialog.queryByRole("button", { name: /Delete for/ })).toBeNull();
});

it("says that what was never sent goes from this device, and from everybody what may be on its way", async () => {
  await open("Tomasz");
  await press(/The floor plan/, "{Delete}");
  const dialog = await screen.findByRole("dialog");
  within(dialog).getByText("It was not sent, and goes from this device. This can’t be undone.");
  await userEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  world.verbs.goOffline();
  await userEvent.type(composer(), "Still on its way{Enter}");
  await screen.findByRole("article", { name: /Still on its way/ });
  await press(/Still on its way/, "{Delete}");
  within(await screen.findByRole("dialog")).getByText(/from every device of everybody here/);
});

it("forgets what was begun when one signs out", async () => {
  const chat = await open("Tomasz");
  await press(/The floor plan/, "r");
  expect(begunIn(chat)).not.toBeNull();
  await signOut(false);
  expect(begunIn(chat)).toBeNull();
});

it("breaks the line by Enter for who prefers that, and sends by Ctrl-Enter", async () => {
  await session.setPreferences({ enter_sends: false });
  await open("Tomasz");
  await userEvent.type(composer(), "one{Enter}two{Control>}{Enter}{/Control}");
  const sent = await screen.findByRole("article", { name: /one\s?two/ });
  expect(sent.querySelector("br")).not.toBeNull();
});

it("shows a message of somebody else, its edit and its end as they happen", async () => {
  const chat = await open("Tomasz");
  world.verbs.messageFrom("Tomasz", "Tomasz", "Sunday it is");
  await screen.findByText("Sunday it is");
  const line = (await world.backend.history(chat, { page: "newest" }, 1))[0]!;
  const log = chatNamed(world.world, "Tomasz");
  world.world.change(log, line, () => ({ text: "Monday it is", edited_at: Date.now() }));
  await screen.findByText("Monday it is");
  expect(screen.getByText("edited")).toBeTruthy();
  world.world.change(log, line, () => ({ text: "", deleted: true }));
  await screen.findByText("This message was deleted");
});

it("lets go of what is older than messages are kept, and says who keeps them so long", async () => {
  const chat = await world.backend.newChannel("Tides", "", false);
  world.world.write(world.world.chat(chat), { text: "High at noon", sent_at: Date.now() - 2 * 86_400_000 });
  await chats.load();
  await open("Tides");
  await world.backend.setRetention(chat, 86_400);
  await screen.findByText("You keep messages for 1 day now");
  await waitFor(() => expect(screen.queryByText("High at noon")).toBeNull());
});

it.each(["each is told of", "too many are told of"])(
  "shows a chat whose messages are all gone as an empty one: %s",
  async (how) => {
    await open("Tomasz");
    const tomasz = chatNamed(world.world, "Tomasz");
    if (how === "each is told of") world.world.forget(tomasz, Infinity);
    else {
      tomasz.log.drop(Infinity);
      world.verbs.lag();
    }
    await waitFor(() => expect(screen.queryAllByRole("article")).toEqual([]));
    await screen.findByText("This is where you and Tomasz begin.");
    world.verbs.messageFrom("Tomasz", "Tomasz", "Anything left?");
    await screen.findByText("Anything left?");
  },
);

it("says who is typing in the strip that is always there", async () => {
  await open("Tomasz");
  world.verbs.types("Tomasz", "Tomasz");
  await screen.findByText("Tomasz is typing");
});

it("tells that a message was read only once the window has the focus", async () => {
  let focused = false;
  const hasFocus = vi.spyOn(document, "hasFocus").mockImplementation(() => focused);
  const chat = await open("Tomasz");
  world.verbs.messageFrom("Tomasz", "Tomasz", "Are you there?");
  await screen.findByText("Are you there?");
  await waitFor(() => expect(hasFocus).toHaveBeenCalled());
  expect((await world.backend.chat(chat)).unread).toBe(1);
  focused = true;
  window.dispatchEvent(new FocusEvent("focus"));
  await waitFor(async () => expect((await world.backend.chat(chat)).unread).toBe(0));
  hasFocus.mockRestore();
});

it("has no composer where one can't write, and says what one can do", async () => {
  const chat = await open("Tomasz");
  const { peer } = await world.backend.chat(chat);
  await world.backend.setBlocked(peer!, true);
  await screen.findByText(/You blocked Tomasz/);
  expect(screen.queryByRole("textbox")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Unblock" }));
  await screen.findByRole("textbox");
});

it("clips a long message, and shows all of it when asked", async () => {
  await open("Tomasz");
  world.verbs.messageFrom("Tomasz", "Tomasz", `${"line\n".repeat(60)}the end`);
  await userEvent.click(await screen.findByRole("button", { name: "Show all" }));
  await screen.findByText(/the end/);
  expect(screen.queryByRole("button", { name: "Show all" })).toBeNull();
});

it("makes nothing but text of what looks like markup", async () => {
  await open("Tomasz");
  world.verbs.messageFrom("Tomasz", "Tomasz", "<img src=x onerror=alert(1)> [x](javascript:alert(1)) <b>b</b>");
  const line = await screen.findByText(/onerror/);
  const bubble = line.closest(".bubble")!;
  expect(bubble.querySelector("img, a, b, script")).toBeNull();
  expect(bubble.textContent).toContain("[x](javascript:alert(1))");
});
