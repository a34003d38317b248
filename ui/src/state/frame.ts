// Work and frames. A hidden window paints none, yet its tray count must follow: there a timer stands in for them.

const NO_FRAME = 100;

/** Calls `then` in the next frame; gives what calls it off. */
function inFrame(then: () => void): () => void {
  const off = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const run = () => {
    off();
    then();
  };
  const frame = requestAnimationFrame(run);
  const timer = setTimeout(run, NO_FRAME);
  return off;
}

/** Calls `then` once what stands in the document now is painted, and `rest` milliseconds later; gives what calls it off. */
export function afterPaint(then: () => void, rest = 0): () => void {
  let off = inFrame(() => {
    const timer = setTimeout(then, rest);
    off = () => clearTimeout(timer);
  });
  return () => off();
}

/** Calls `work` at once, and however often it is asked for until the next frame, once more in that. */
export function perFrame(work: () => void): () => void {
  let held = false;
  let wanted = false;
  const ask = () => {
    wanted = held;
    if (held) return;
    held = true;
    queueMicrotask(work);
    inFrame(() => {
      held = false;
      if (wanted) ask();
    });
  };
  return ask;
}

/** Calls `work` soon, and however often it is asked for, at most once in `pause` milliseconds. */
export function sparingly(work: () => void, pause: number): { ask: () => void; end: () => void } {
  let last = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    ask() {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          last = performance.now();
          work();
        },
        Math.max(0, last + pause - performance.now()),
      );
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
