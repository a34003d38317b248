// Moves an element out of whatever clips it, to the end of the dialog it belongs to or of the page.

import type { Attachment } from "svelte/attachments";

export const portal: Attachment<HTMLElement> = (element) => {
  const from = element.parentElement;
  (from?.closest("dialog") ?? document.body).append(element);
  return () => element.remove();
};
