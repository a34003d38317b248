// With which relay and under which name one was signed in before, while this window is open: signing in again then asks for
// the password alone.

import { session } from "../state/session.svelte";

class Last {
  relay = $state<string | null>(null);
  username = $state<string | null>(null);
}

export const last = new Last();

// However one came to be signed in, here or in the terminal.
$effect.root(() => {
  $effect(() => {
    if (!session.me) return;
    last.relay = session.me.relay;
    last.username = session.me.username;
  });
});
