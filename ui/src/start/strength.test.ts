import { expect, it } from "vitest";
import { strengthOf } from "./strength";

it.each([
  "password",
  "Passw0rd",
  "12345678",
  "aaaaaaaaaaaa",
  "qwertyqwerty",
  "abcdefgh",
  "Sommer2024",
  "87654321",
  "Turmfalke91",
  "hello hello hello",
])("calls %j weak", (password) => {
  expect(strengthOf(password, [])).toBe("weak");
});

it.each(["ankle teapot", "k7fq-w2m"])("calls %j fair", (password) => {
  expect(strengthOf(password, [])).toBe("fair");
});

it.each(["ankle teapot violet harbour", "x9$kQ!m2vL0w", "ponton grävling sextant lakrits"])(
  "calls %j good",
  (password) => {
    expect(strengthOf(password, [])).toBe("good");
  },
);

it("counts nothing for what a guesser knows of the person", () => {
  expect(strengthOf("teunissen-vandermeer", [])).toBe("fair");
  expect(strengthOf("teunissen-vandermeer", ["teunissen.vandermeer@harbour.example"])).toBe("weak");
});

it("never gets weaker by adding a word", () => {
  expect(strengthOf("ankle teapot violet harbour password", [])).toBe("good");
});
