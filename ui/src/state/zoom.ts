// The steps in which the window grows and shrinks.

const STEPS = [0.5, 0.67, 0.75, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3];
/** Smaller than any difference between two steps. */
const NEAR = 0.005;

/** The next step up, or null at the top. */
export function larger(zoom: number): number | null {
  return STEPS.find((step) => step > zoom + NEAR) ?? null;
}

/** The next step down, or null at the bottom. */
export function smaller(zoom: number): number | null {
  return STEPS.findLast((step) => step < zoom - NEAR) ?? null;
}
