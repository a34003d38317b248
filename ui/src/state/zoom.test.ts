import { expect, it } from "vitest";
import { larger, smaller } from "./zoom";

it("goes up and down by the same steps", () => {
  expect(larger(1)).toBe(1.1);
  expect(smaller(1.1)).toBe(1);
});

it("finds its way back to a step from between two", () => {
  expect(larger(1.03)).toBe(1.1);
  expect(smaller(1.03)).toBe(1);
});

it("ends at half and at three times the size", () => {
  expect(smaller(0.5)).toBeNull();
  expect(larger(3)).toBeNull();
});
