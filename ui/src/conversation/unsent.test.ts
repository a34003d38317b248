import { afterEach, expect, test } from "vitest";
import type { MessageView } from "../backend/types";
import { words, type Language } from "../i18n/index.svelte";
import { neverWent, whyUnsent } from "./unsent";

afterEach(() => words.use(["en-GB"]));

// As `core/logs.rs`, `core/outbox.rs` and `store/sent.rs` of the engine and `log/append.rs` of the relay say them.
const KNOWN = [
  "You are no longer in this chat.",
  "This chat was deleted.",
  "Not everybody got this in time: the relay keeps messages only so long.",
  "This was waiting when the profile was copied; it may have been sent since. Retry to send it again.",
  "This may not have reached everybody before the device had to sign in anew. Retry to send it again.",
  "The message could not be read back from this profile.",
  "you are not a member of this chat",
  "this device does not take part in the chat",
  "the chat was deleted",
  "the payload has 70000 bytes; this relay takes at most 65536 (payload_bytes)",
];

test("in English it is what the engine says, made whole", () => {
  expect(whyUnsent("You are no longer in this chat.")).toBe("You are no longer in this chat.");
  expect(whyUnsent("the chat was deleted")).toBe("The chat was deleted.");
});

test.each(["de", "ar"] satisfies Language[])("what is known is said in %s", async (language) => {
  await words.use([language]);
  for (const reason of KNOWN)
    expect([reason, whyUnsent(reason)]).not.toEqual([reason, expect.stringMatching(/\bthe\b|this/i)]);
});

test("in German, and what is not known stays as it is", async () => {
  await words.use(["de"]);
  expect(whyUnsent("You are no longer in this chat.")).toBe("Du bist nicht mehr in diesem Chat.");
  const unknown = "Tomasz already has 2,000 messages waiting, the relay’s limit.";
  expect(whyUnsent(unknown)).toBe(unknown);
});

const failed = (reason: string) => ({ delivery: { state: "failed", reason } }) as MessageView;

test("what did not reach everybody in time has reached some; what was refused nobody", () => {
  expect(neverWent(failed("the payload has 70000 bytes; this relay takes at most 65536 (payload_bytes)"))).toBe(true);
  expect(neverWent(failed("Something else"))).toBe(true);
  expect(neverWent(failed(KNOWN[2]!))).toBe(false);
  expect(neverWent({ delivery: { state: "waiting" } } as MessageView)).toBe(false);
});
