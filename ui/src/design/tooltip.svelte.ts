// The word beside a picture: `{@attach tooltip("Search", "Mod+F")}`. It repeats what a label already says, so it is hidden
// from screen readers.

import type { Attachment } from "svelte/attachments";
import { fullTime } from "../i18n/formats";
import { place } from "./place";
import { shownKeys } from "../state/shortcuts.svelte";

const AFTER = 500;

export function tooltip(text: string, keys?: string): Attachment<HTMLElement> {
  return (element) => {
    let shown: HTMLElement | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const show = () => {
      if (shown || !text) return;
      shown = document.createElement("div");
      shown.className = "tooltip";
      shown.setAttribute("aria-hidden", "true");
      const words = document.createElement("bdi");
      words.textContent = text;
      shown.append(words);
      if (keys) {
        const cap = document.createElement("kbd");
        cap.textContent = shownKeys(keys);
        shown.append(cap);
      }
      (element.closest("dialog") ?? document.body).append(shown);
      place(shown, element, "start", 6);
    };
    const hide = () => {
      clearTimeout(timer);
      shown?.remove();
      shown = null;
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(show, AFTER);
    };
    const focused = () => element.matches(":focus-visible") && show();

    element.addEventListener("pointerenter", soon);
    element.addEventListener("pointerleave", hide);
    element.addEventListener("pointerdown", hide);
    element.addEventListener("focus", focused);
    element.addEventListener("blur", hide);
    element.addEventListener("keydown", hide);
    return () => {
      hide();
      element.removeEventListener("pointerenter", soon);
      element.removeEventListener("pointerleave", hide);
      element.removeEventListener("pointerdown", hide);
      element.removeEventListener("focus", focused);
      element.removeEventListener("blur", hide);
      element.removeEventListener("keydown", hide);
    };
  };
}

/** A tooltip only where the text, or a piece of it, is cut off. Given as a function, it is asked for only then. */
export function wholeText(text: string | (() => string)): Attachment<HTMLElement> {
  return onHover((element) => {
    const parts = [element, ...element.querySelectorAll<HTMLElement>("bdi")];
    if (!parts.some((part) => part.scrollWidth > part.clientWidth)) return "";
    return typeof text === "string" ? text : text();
  });
}

/** The full date of a time, written only once the hand is on it: rows have many, and few are looked at. */
export function fullDate(at: () => number): Attachment<HTMLElement> {
  return onHover(() => fullTime(at()));
}

function onHover(text: (element: HTMLElement) => string): Attachment<HTMLElement> {
  return (element) => {
    const show = () => {
      const title = text(element);
      if (title) element.title = title;
      else element.removeAttribute("title");
    };
    element.addEventListener("pointerenter", show);
    return () => element.removeEventListener("pointerenter", show);
  };
}
