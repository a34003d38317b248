// Links to Parley itself: `parley://join/<relay>/<code>`. Other schemes are the browser's.

import { navigation } from "./navigation.svelte";

/** Does what a `parley://` link asks, after asking the person. */
export function followLink(link: string): void {
  if (inviteCode(link) !== null) navigation.openDialog({ dialog: "open_invite", link });
}

/** The code of an invite, from a link or as it was typed; null if it is neither. */
export function inviteCode(text: string): string | null {
  const trimmed = text.trim();
  const link = /^parley:\/\/join\/(?:[^/?#\s]+\/)?([A-Za-z0-9_-]+)$/.exec(trimmed);
  if (link) return link[1]!;
  return /^[A-Za-z0-9_-]{4,64}$/.test(trimmed) ? trimmed : null;
}
