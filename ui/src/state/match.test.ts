import { expect, test } from "vitest";
import { fit, pieces, snippet } from "./match";

const marked = (text: string, query: string) =>
  pieces(text, query)
    .map(({ text, hit }) => (hit ? `[${text}]` : text))
    .join("");

test("a name fits best from the start, then at a word, then anywhere", () => {
  expect(fit("Harbour Street 12", "har")).toBe(3);
  expect(fit("The harbour", "har")).toBe(2);
  expect(fit("Share an invite link", "har")).toBe(1);
  expect(fit("Mara", "har")).toBe(0);
  expect(fit("Mara", "  ")).toBe(0);
});

test("all words must be there, in any order", () => {
  expect(fit("Harbour Street 12", "12 harb")).toBe(2);
  expect(fit("Harbour Street 12", "13 harb")).toBe(0);
});

test("accents and case don't matter, and places stay right", () => {
  expect(marked("Grzegorz Brzęczyszczykiewicz", "brzec")).toBe("Grzegorz [Brzęc]zyszczykiewicz");
  expect(marked("ÀÉÎ", "aei")).toBe("[ÀÉÎ]");
  expect(marked("👩‍👧 İstanbul ist", "ist")).toBe("👩‍👧 [İst]anbul [ist]");
});

test("what is searched for is no pattern", () => {
  expect(marked("a.b a*b (", "a*b (")).toBe("a.b [a*b] [(]");
});

test("a long text begins shortly before the hit", () => {
  const text = "Left the trailer at the quay yesterday, key is under the harbour bench";
  expect(snippet(text, "harb")).toBe("…key is under the harbour bench");
  expect(snippet("The harbour", "harb")).toBe("The harbour");
});
