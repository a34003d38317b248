import { expect, it } from "vitest";
import { rowsInSight } from "./window";

it("draws what is in sight and a little around it", () => {
  expect(rowsInSight(10_000, 44, 44 * 1_000, 44 * 10)).toEqual({ from: 992, to: 1018 });
});

it("never goes beyond the list", () => {
  expect(rowsInSight(5, 44, 0, 900)).toEqual({ from: 0, to: 5 });
  expect(rowsInSight(10_000, 44, -4_000, 600)).toEqual({ from: 0, to: 0 });
  expect(rowsInSight(100, 44, 44 * 500, 600)).toEqual({ from: 100, to: 100 });
});

it("draws nothing before it knows how high a row is", () => {
  expect(rowsInSight(10, 0, 0, 600)).toEqual({ from: 0, to: 0 });
});
