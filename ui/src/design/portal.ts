// Moves an element out of whatever clips it, to the end of the dialog, column or page that it belongs to.

import type { Attachment } from "svelte/attachments";

export const portal: Attachment<HTMLElement> = (element) => {
  const from = element.parentElement;
  (from?.closest("dialog, main, nav") ?? document.body).append(element);
  return () => element.remove();
};
