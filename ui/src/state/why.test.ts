import { afterEach, describe, expect, it } from "vitest";
import { words, type Language } from "../i18n/index.svelte";
import { sentence, Told, tooMany, why } from "./why";

afterEach(() => words.use(["en-GB"]));

describe("why something failed", () => {
  it("is said in the person's words where the code is known", () => {
    expect(why({ code: "unreachable", message: "connection refused" })).toContain("The relay can’t be reached");
    expect(why({ code: "forbidden", message: "only an admin of the chat can do this" })).toContain("Your role");
  });

  it("is the relay's sentence in English where it says more, made whole", () => {
    expect(why({ code: "limit_reached", message: "a group has at most 50 members here" })).toBe(
      "A group has at most 50 members here.",
    );
    expect(why({ code: "limit_reached", message: "" })).toBe(
      "This is more than the relay allows at once. Try with fewer.",
    );
    expect(sentence("Done.")).toBe("Done.");
  });

  it("never hides something unforeseen", () => {
    expect(why(new Error("out of memory"))).toBe("Out of memory.");
    expect(why({ code: "constructor", message: "odd" })).toBe("Odd.");
  });

  it("says of a locked keychain what to do, and nothing of a terminal", () => {
    const message = "SS error: prompt dismissed. Unlock the keychain and try again; or start with --no-keychain.";
    expect(why({ code: "keychain", message })).toBe(
      "The system’s keychain is locked or can’t be read. Unlock it, then try again.",
    );
  });

  it("says of a full disk that nothing is lost", () => {
    expect(why({ code: "disk_full", message: "" })).toBe(
      "This disk is full. Nothing is lost; free some space and Parley goes on.",
    );
  });
});

// Those that the engine and the shell give, those of the relay, and one that nobody knows.
const CODES = [
  ...["unreachable", "signed_out", "signed_in", "profile_in_use", "profile_newer", "keychain", "storage", "disk_full"],
  ...[
    "not_found",
    "left",
    "invalid",
    "closed",
    "wrong_credentials",
    "name_taken",
    "registration_closed",
    "rate_limited",
  ],
  ...["version_mismatch", "system", "bad_request", "unauthorized", "token_expired", "token_reused", "device_revoked"],
  ...["forbidden", "not_member", "conflict", "id_conflict", "gone", "too_large", "quota_exceeded", "limit_reached"],
  ...["try_later", "shutting_down", "internal", "from_the_future"],
];

it.each(["de", "ar"] satisfies Language[])("nothing English is said in %s", async (language) => {
  await words.use([language]);
  for (const code of CODES) {
    const said = why({ code, message: "the relay takes at most 50" });
    expect([code, said]).not.toEqual([code, ""]);
    expect([code, said]).not.toEqual([code, expect.stringMatching(/the relay takes|\b(the|is|not)\b/i)]);
  }
});

it("leaves alone what the screen itself says", async () => {
  await words.use(["de"]);
  expect(why(new Told("Schreib ein Thema und einen Text."))).toBe("Schreib ein Thema und einen Text.");
});

it("says how long to wait, in a unit that fits", () => {
  expect(tooMany(undefined)).toContain("Wait a moment");
  expect(tooMany(30)).toContain("30 seconds");
  expect(tooMany(90)).toContain("2 min");
});
