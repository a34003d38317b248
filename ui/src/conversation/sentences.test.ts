import { afterEach, beforeEach, expect, test } from "vitest";
import type { MessageView } from "../backend/types";
import { words } from "../i18n/index.svelte";
import { session } from "../state/session.svelte";
import { sentenceOf } from "./sentences";

beforeEach(() => {
  session.me = { account: "noor", username: "Noor", device: "d", relay: "https://relay.harbour.example" };
  return words.use(["en-GB"]);
});
afterEach(() => {
  session.me = null;
});

const kept = (username: string, subject: string) =>
  sentenceOf({
    kind: "change",
    what: "retention_changed",
    account: username.toLowerCase(),
    username,
    subject,
  } as MessageView);
const NINETY_DAYS = String(90 * 86_400);

test("who keeps messages for how long, and for ever", () => {
  expect(kept("Ben", NINETY_DAYS)).toBe("Ben keeps messages for 90 days now");
  expect(kept("Noor", NINETY_DAYS)).toBe("You keep messages for 90 days now");
  expect(kept("Ben", "")).toBe("Ben keeps messages for ever now");
  expect(kept("Noor", "")).toBe("You keep messages for ever now");
});

test("in German and Arabic", async () => {
  await words.use(["de"]);
  expect(kept("Ben", NINETY_DAYS)).toBe("Ben hebt Nachrichten jetzt 90 Tage lang auf");
  await words.use(["ar"]);
  expect(kept("Ben", NINETY_DAYS)).toBe("تم ضبط مدة حفظ الرسائل على 90 يومًا بواسطة Ben");
});
