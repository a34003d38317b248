// How much room there is, and so which columns stand side by side.

import { innerWidth } from "svelte/reactivity/window";
import { navigation } from "./navigation.svelte";

/** Below it the list is narrower, and folds to a rail beside an open panel. */
const MIDDLE = 1040;
/** Below it there is one column. */
const NARROW = 720;

class Layout {
  #width = $derived(innerWidth.current ?? 1280);
  /** One column with a way back. */
  narrow = $derived(this.#width < NARROW);
  middle = $derived(this.#width < MIDDLE);
  /** How high what stands below the messages is: the composer, or what is in its place. */
  foot = $state(0);
  panel = $derived(navigation.panel && navigation.chat !== null);
  /** The list is a column of avatars. */
  rail = $derived(!this.narrow && this.middle && this.panel);
  /** Which column stands where there is only one. */
  column = $derived<"list" | "chat" | "panel">(this.panel ? "panel" : navigation.chat ? "chat" : "list");
}

export const layout = new Layout();
