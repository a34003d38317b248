// What of a long message shows before one asks for all of it: forty lines, as nearly as can be told without measuring.

export const CLIP_LINES = 40;
/** About what fits in a line of a bubble. */
const LINE_CHARS = 72;

/** The beginning of a text that fits in forty lines; null if all of it does. */
export function clip(text: string): string | null {
  let lines = 0;
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const stop = end < 0 ? text.length : end;
    const needed = Math.max(1, Math.ceil((stop - at) / LINE_CHARS));
    if (lines + needed > CLIP_LINES) {
      // A half of a character pair would show as a box.
      let cut = Math.min(stop, at + (CLIP_LINES - lines) * LINE_CHARS);
      const code = text.charCodeAt(cut - 1);
      if (code >= 0xd800 && code < 0xdc00) cut -= 1;
      return cut >= text.length ? null : text.slice(0, cut);
    }
    lines += needed;
    at = stop + 1;
  }
  return null;
}
