// Links to Parley itself: `parley://join/<relay>/<code>`. Other schemes are the browser's.

import { navigation } from "./navigation.svelte";

/** Does what a `parley://` link asks, after asking the person; one that asks nothing known is shown with what is wrong. */
export function followLink(link: string): void {
  navigation.openDialog({ dialog: "open_invite", link });
}
