// Where something that hangs from a point or a button goes, so that all of it is seen.

export type Anchor = { x: number; y: number } | Element;

const MARGIN = 8;

/** Puts `element` (position: fixed) below its anchor at the reading side, or where there is room. */
export function place(element: HTMLElement, anchor: Anchor, side: "start" | "end" = "start", gap = 4): void {
  const rtl = getComputedStyle(element).direction === "rtl";
  const box = anchor instanceof Element ? anchor.getBoundingClientRect() : new DOMRect(anchor.x, anchor.y, 0, 0);
  const { offsetWidth: width, offsetHeight: height } = element;
  const room = { width: document.documentElement.clientWidth, height: document.documentElement.clientHeight };

  const alignLeft = (side === "start") !== rtl;
  const left = alignLeft ? box.left : box.right - width;
  const space = anchor instanceof Element ? gap : 0;
  const below = box.bottom + space;
  const above = box.top - space - height;
  const top = below + height <= room.height - MARGIN || above < MARGIN ? below : above;

  element.style.left = `${clamp(left, MARGIN, room.width - width - MARGIN)}px`;
  element.style.top = `${clamp(top, MARGIN, room.height - height - MARGIN)}px`;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, Math.max(least, most)));
}
