// Which way a text runs: as its first letter does.

const LETTER = /[\p{L}]/u;
const FROM_RIGHT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

export function directionOf(text: string): "ltr" | "rtl" | null {
  const first = LETTER.exec(text)?.[0];
  if (first === undefined) return null;
  return FROM_RIGHT.test(first) ? "rtl" : "ltr";
}
