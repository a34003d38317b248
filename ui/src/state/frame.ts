// Work gathered for the next frame. A hidden window paints no frames, yet its tray count must follow: a timer stands in.

/** Calls `work` once, in the next frame, however often it is asked for until then. */
export function perFrame(work: () => void): () => void {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    work();
  };
  return () => {
    if (frame) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, 100);
  };
}
