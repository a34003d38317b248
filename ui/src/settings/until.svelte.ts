// How many seconds are left until a moment; counts down while somebody looks.

import { clock } from "../state/clock.svelte";

export class Until {
  seconds = $state(0);

  /** To be made while a component begins; `at` is null when there is nothing to wait for. */
  constructor(at: () => number | null) {
    $effect(() => {
      const moment = at();
      const count = () => {
        this.seconds = moment === null ? 0 : Math.max(0, Math.ceil((moment - clock.now()) / 1000));
      };
      count();
      if (moment === null) return;
      const timer = setInterval(count, 1000);
      return () => clearInterval(timer);
    });
  }
}
