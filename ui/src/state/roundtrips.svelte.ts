// The round trips as they are shown, one figure for every place that shows it: of each chat, and of the relay.

import { SvelteMap } from "svelte/reactivity";
import type { ChatId, Route } from "../backend/types";
import { clock } from "./clock.svelte";
import { RoundTrip } from "./roundtrip";

type Of = ChatId | "relay";

interface Kept {
  trip: RoundTrip;
  /** Another route begins anew. */
  route: Route;
  timer: ReturnType<typeof setTimeout> | undefined;
}

class RoundTrips {
  #kept = new Map<Of, Kept>();
  #shown = new SvelteMap<Of, number>();

  /** In microseconds; null while it is unknown. */
  of(what: Of): number | null {
    return this.#shown.get(what) ?? null;
  }

  /** A new figure, in microseconds; null if it is not known any more. */
  take(what: Of, route: Route, micros: number | null): void {
    let kept = this.#kept.get(what);
    if (!kept || kept.route !== route) {
      clearTimeout(kept?.timer);
      kept = { trip: new RoundTrip(), route, timer: undefined };
      this.#kept.set(what, kept);
    }
    this.#show(what, kept, kept.trip.take(micros, clock.now()));
  }

  /** A figure that was told because it is quite another: those before it count no more. */
  begin(what: Of, route: Route, micros: number | null): void {
    this.#kept.get(what)?.trip.forget();
    this.take(what, route, micros);
  }

  forget(what: Of): void {
    clearTimeout(this.#kept.get(what)?.timer);
    this.#kept.delete(what);
    this.#shown.delete(what);
  }

  clear(): void {
    for (const what of [...this.#kept.keys()]) this.forget(what);
  }

  /** What is held back shows once it may, even if no other figure comes. */
  #show(what: Of, kept: Kept, figure: number | null): void {
    if (figure === null) this.#shown.delete(what);
    else this.#shown.set(what, figure);
    clearTimeout(kept.timer);
    const { due } = kept.trip;
    if (due === null) return;
    const look = () => this.#show(what, kept, kept.trip.look(clock.now()));
    kept.timer = setTimeout(look, Math.max(1, due - clock.now()));
  }
}

export const roundTrips = new RoundTrips();
