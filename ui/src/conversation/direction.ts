// Which way a text runs: as its first letter does that is not part of a link, a name or code.

import type { Inline } from "./markdown";

const LETTER = /[\p{L}]/u;
const FROM_RIGHT =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

export function directionOf(text: string): "ltr" | "rtl" | null {
  const first = LETTER.exec(text)?.[0];
  if (first === undefined) return null;
  return FROM_RIGHT.test(first) ? "rtl" : "ltr";
}

/** The direction of a run of text; links, code and names have their own and don't decide, unless there is nothing else. */
export function directionOfRun(children: readonly Inline[]): "ltr" | "rtl" | null {
  return directionOf(said(children, true)) ?? directionOf(said(children, false));
}

function said(children: readonly Inline[], proseOnly: boolean): string {
  return children
    .map((child) => {
      if (child.kind === "break") return " ";
      if (child.kind === "text") return proseOnly ? child.text.replace(/@[\p{L}\p{N}_.-]+/gu, " ") : child.text;
      if (child.kind === "code") return proseOnly ? " " : child.text;
      if (child.kind === "link") return proseOnly ? " " : said(child.children, false);
      return said(child.children, proseOnly);
    })
    .join("");
}
