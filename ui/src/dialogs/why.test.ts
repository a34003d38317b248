import { describe, expect, it } from "vitest";
import { sentence, tooMany, why } from "./why";

describe("why something failed", () => {
  it("is said in the person's words where the code is known", () => {
    expect(why({ code: "unreachable", message: "connection refused" })).toContain("The relay can’t be reached");
    expect(why({ code: "forbidden", message: "only an admin of the chat can do this" })).toContain("Your role");
  });

  it("is the relay's sentence otherwise, made whole", () => {
    expect(why({ code: "limit_reached", message: "a group has at most 50 members here" })).toBe(
      "A group has at most 50 members here.",
    );
    expect(sentence("Done.")).toBe("Done.");
  });

  it("never hides something unforeseen", () => {
    expect(why(new Error("out of memory"))).toBe("Out of memory.");
  });
});

it("says how long to wait, in a unit that fits", () => {
  expect(tooMany(undefined)).toContain("Wait a moment");
  expect(tooMany(30)).toContain("30 seconds");
  expect(tooMany(90)).toContain("2 min");
});
