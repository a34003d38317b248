// Which rows of a long list are drawn: those in sight and a few around them.

export interface Rows {
  from: number;
  to: number;
}

/** Drawn beyond what is seen, so that scrolling shows no gaps. */
const AROUND = 8;

/** `seen` begins at `top` within the list, and is `height` high; all in pixels. */
export function rowsInSight(count: number, row: number, top: number, height: number): Rows {
  if (row <= 0) return { from: 0, to: 0 };
  const from = Math.floor(top / row) - AROUND;
  const to = Math.ceil((top + height) / row) + AROUND;
  return { from: clamp(from, count), to: clamp(to, count) };
}

function clamp(index: number, count: number): number {
  return Math.max(0, Math.min(count, index));
}
