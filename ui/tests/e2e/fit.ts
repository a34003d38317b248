// Whether everything on a page stays inside of what holds it, to either side.

import type { Page } from "playwright-core";

/** What reaches out: each with what it reaches out of, and how far. Empty if all is well. */
export function reachingOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const nameOf = (one: Element) => `${one.tagName.toLowerCase()}.${[...one.classList].slice(0, 2).join(".")}`;
    const isFreed = (style: CSSStyleDeclaration) =>
      style.position === "fixed" || parseFloat(style.marginInlineStart) < 0 || parseFloat(style.marginInlineEnd) < 0;

    for (const one of document.querySelectorAll<HTMLElement>("#app *, body > :not(#app) *")) {
      const box = one.getBoundingClientRect();
      const style = getComputedStyle(one);
      if (box.width === 0 || box.height === 0 || style.visibility === "hidden" || isFreed(style)) continue;
      // What is read out only, what scrolls by itself, and what is cut off with an ellipsis may be longer than it shows.
      if (one.closest(".unseen, pre, svg, .one-line, .bubble")) continue;
      let isHung = style.position === "absolute";
      for (let holder = one.parentElement; holder; holder = holder.parentElement) {
        const held = getComputedStyle(holder);
        if (held.display === "contents" || held.display.startsWith("inline")) continue;
        const clips = held.overflowX !== "visible";
        // A badge at the corner of something may stand over its edge, but not over that of what clips it.
        if (isHung && !clips) continue;
        const bounds = holder.getBoundingClientRect();
        const out = Math.max(bounds.left - box.left, box.right - bounds.right);
        if (out > 1 && bounds.width > 0) found.push(`${nameOf(one)} out of ${nameOf(holder)}: ${Math.round(out)}`);
        if (clips || out > 1 || isFreed(held)) break;
        isHung ||= held.position === "absolute";
      }
    }
    // And what hangs over the page stands in the window.
    for (const over of document.querySelectorAll("dialog, [role=menu], [role=toolbar], .picker, .hung, .toast")) {
      const box = over.getBoundingClientRect();
      const isOut = box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
      if (isOut) found.push(`${nameOf(over)} out of the window`);
    }
    return [...new Set(found)];
  });
}
