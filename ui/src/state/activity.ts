// Whether somebody sits in front of the window: away after five minutes without a key or a move of the pointer.

import { backend } from "../backend";

const AWAY_AFTER = 5 * 60_000;

/** Gives what ends it. */
export function watchActivity(): () => void {
  let state: "active" | "away" = "active";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;

  const say = (next: "active" | "away") => {
    if (state === next) return;
    state = next;
    void backend()
      .setActivity(next)
      .catch(() => undefined);
  };
  const moved = () => {
    const now = Date.now();
    if (state === "active" && now - last < 1_000) return;
    last = now;
    clearTimeout(timer);
    timer = setTimeout(() => say("away"), AWAY_AFTER);
    say("active");
  };

  const events = ["pointermove", "pointerdown", "keydown", "wheel", "focus"] as const;
  for (const event of events) addEventListener(event, moved, { passive: true });
  moved();
  return () => {
    clearTimeout(timer);
    for (const event of events) removeEventListener(event, moved);
  };
}
