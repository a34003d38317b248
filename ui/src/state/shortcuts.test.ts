import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { session } from "./session.svelte";
import { shortcuts, shownKeys } from "./shortcuts.svelte";

const press = (key: string, more: KeyboardEventInit = {}) =>
  shortcuts.handle(new KeyboardEvent("keydown", { key, cancelable: true, ...more }));

const run = vi.fn();
let off: () => void;

beforeEach(() => {
  run.mockReset();
  session.about = { ...session.about, platform: "linux" };
});
afterEach(() => off());

const register = (keys: string, when?: () => boolean) => {
  off = shortcuts.register({ keys, label: "list.search", group: "list", run, ...(when && { when }) });
};

test("it acts on exactly its keys", () => {
  register("Mod+K");
  expect(press("k", { ctrlKey: true })).toBe(true);
  expect(press("K", { ctrlKey: true, shiftKey: true })).toBe(false);
  expect(press("k", { metaKey: true })).toBe(false);
  expect(press("k")).toBe(false);
  expect(run).toHaveBeenCalledOnce();
});

test("on a Mac it is the command key", () => {
  session.about = { ...session.about, platform: "macos" };
  register("Mod+K");
  expect(press("k", { metaKey: true })).toBe(true);
  expect(press("k", { ctrlKey: true })).toBe(false);
  expect(shownKeys("Mod+Shift+K")).toBe("⌘⇧K");
});

test("a single character does nothing while one writes", () => {
  register("?");
  const field = document.createElement("textarea");
  document.body.append(field);
  let handled: boolean | null = null;
  field.addEventListener("keydown", (event) => (handled = shortcuts.handle(event)));
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "?", shiftKey: true }));
  expect(handled).toBe(false);
  expect(press("?", { shiftKey: true })).toBe(true);
});

test("it acts only when it may, and the newest one first", () => {
  let may = false;
  register("Mod+F", () => may);
  expect(press("f", { ctrlKey: true })).toBe(false);
  may = true;
  const newer = vi.fn();
  const offNewer = shortcuts.register({ keys: "Mod+F", label: "list.search", group: "list", run: newer });
  press("f", { ctrlKey: true });
  offNewer();
  press("f", { ctrlKey: true });
  expect([newer.mock.calls.length, run.mock.calls.length]).toEqual([1, 1]);
});

test("a sign that some keyboards have with Shift, and the keypad, act on any of them", () => {
  register("Mod+Plus");
  expect(press("+", { ctrlKey: true })).toBe(true);
  expect(press("+", { ctrlKey: true, shiftKey: true })).toBe(true);
  expect(press("=", { ctrlKey: true })).toBe(true);
  expect(press("+", { ctrlKey: true, code: "NumpadAdd" })).toBe(true);
  expect(press("+")).toBe(false);
  off();
  register("Mod+Zero");
  expect(press("à", { ctrlKey: true, code: "Digit0" })).toBe(true);
  expect(press("Insert", { ctrlKey: true, code: "Numpad0" })).toBe(true);
  expect(shownKeys("Mod+Plus")).toBe("Ctrl +");
});

test("what one composes is left alone", () => {
  register("Escape");
  expect(press("Escape", { isComposing: true })).toBe(false);
});

test("as a key cap shows it", () => {
  register("?");
  expect(shownKeys("Alt+ArrowUp")).toBe("Alt ↑");
  expect(shownKeys("Mod+F")).toBe("Ctrl F");
});

test("the system's menu does what the keys would do here", () => {
  register("Mod+F");
  shortcuts.act("Mod+F");
  const newer = vi.fn();
  let may = true;
  const offNewer = shortcuts.register({
    keys: "Mod+F",
    label: "list.search",
    group: "list",
    run: newer,
    when: () => may,
  });
  shortcuts.act("Mod+F");
  may = false;
  shortcuts.act("Mod+F");
  shortcuts.act("Mod+G");
  offNewer();
  expect([newer.mock.calls.length, run.mock.calls.length]).toEqual([1, 2]);
});
