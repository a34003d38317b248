// The relay and name with which this profile was last signed in, so that signing in again asks for the password alone.
// A convenience of this window: without it, or with a storage that refuses, the person types them again.

import { session } from "../state/session.svelte";

export interface Remembered {
  relay: string;
  username: string;
}

const keyOf = (profile: string) => `parley.last.${profile}`;

// However one came to be signed in, here or in the terminal.
$effect.root(() => {
  $effect(() => {
    if (session.me) remember(session.profile, session.me);
  });
});

function remember(profile: string, last: Remembered): void {
  try {
    localStorage.setItem(keyOf(profile), JSON.stringify({ relay: last.relay, username: last.username }));
  } catch {
    // A storage that is full or forbidden costs nothing but this convenience.
  }
}

export function remembered(profile: string): Remembered | null {
  try {
    const found = JSON.parse(localStorage.getItem(keyOf(profile)) ?? "null") as Partial<Remembered> | null;
    const { relay, username } = found ?? {};
    return typeof relay === "string" && typeof username === "string" ? { relay, username } : null;
  } catch {
    return null;
  }
}
