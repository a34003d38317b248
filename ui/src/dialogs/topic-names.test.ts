import { describe, expect, it } from "vitest";
import { topicFault } from "./topic-names";

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
