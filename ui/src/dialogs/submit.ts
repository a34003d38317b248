// What forms have in common.

import { tick } from "svelte";

/** Puts the focus on the first field that has a fault, once the faults are shown. */
export async function focusFault(form: HTMLElement | null): Promise<void> {
  await tick();
  form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
}
