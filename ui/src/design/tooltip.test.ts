import { expect, it, vi } from "vitest";
import { fullDate, wholeText } from "./tooltip.svelte";

function under(attach: ReturnType<typeof wholeText>, wide: boolean): HTMLElement {
  const element = document.createElement("span");
  Object.defineProperty(element, "scrollWidth", { get: () => (wide ? 200 : 100) });
  Object.defineProperty(element, "clientWidth", { get: () => 100 });
  attach(element);
  return element;
}

const hover = (element: HTMLElement) => element.dispatchEvent(new Event("pointerenter"));

it("shows the whole of what is cut off, and asks for it only under the hand", () => {
  const text = vi.fn(() => "all of it");
  const [cut, fits] = [under(wholeText(text), true), under(wholeText(text), false)];
  expect(text).not.toHaveBeenCalled();
  hover(cut);
  expect(cut.title).toBe("all of it");
  hover(fits);
  expect(fits.hasAttribute("title")).toBe(false);
  expect(text).toHaveBeenCalledTimes(1);
});

it("writes the full date of a time as it is when the hand comes", () => {
  let at = Date.UTC(2025, 10, 20, 13, 33, 40);
  const time = under(
    fullDate(() => at),
    false,
  );
  expect(time.title).toBe("");
  hover(time);
  expect(time.title).toMatch(/20 November 2025.*14:33:40/);
  at += 1_000;
  hover(time);
  expect(time.title).toMatch(/14:33:41/);
});
