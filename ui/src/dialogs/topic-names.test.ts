import { describe, expect, it } from "vitest";
import { hears, topicFault } from "./topic-names";

describe("a topic to listen to", () => {
  it.each(["tram-9", "sport.chess.results", "sport.*.results", "sport.>", ">", "*"])("may be %j", (name) => {
    expect(topicFault(name, "listen")).toBeNull();
  });

  it.each([
    ["", "empty"],
    ["x".repeat(129), "long"],
    ["sport..chess", "parts"],
    ["sport.", "parts"],
    ["sport.>.chess", "rest"],
    ["sp*rt", "whole"],
    ["sport.chess>", "whole"],
    ["tram 9", "space"],
  ])("is not %j: %s", (name, fault) => {
    expect(topicFault(name, "listen")).toBe(fault);
  });
});

it("is published on by its whole name", () => {
  expect(topicFault("sport.chess", "publish")).toBeNull();
  expect(topicFault("sport.*", "publish")).toBe("wild");
});

it("knows which subscriptions hear of a topic, as the relay does", () => {
  for (const [pattern, topic, heard] of [
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["*.b", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    [">", "a", true],
    [">", "a.b", true],
    ["a", "a.b", false],
  ] as const)
    expect([pattern, topic, hears(pattern, topic)]).toEqual([pattern, topic, heard]);
});
