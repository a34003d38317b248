import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import type { Registration } from "../backend/types";
import { NameCheck } from "./name-check.svelte";

const RELAY = "https://relay.example";
const answers = new Map<string, { take: () => void; refuse: (failure: unknown) => void }>();
let asked: { username: string; invite?: string }[];

beforeEach(() => {
  vi.useFakeTimers();
  answers.clear();
  asked = [];
  const checkUsername = (_: string, request: { username: string; invite?: string }) =>
    new Promise<void>((take, refuse) => {
      asked.push(request);
      answers.set(request.username, { take, refuse });
    });
  useBackend({ ...make().backend, checkUsername });
});

afterEach(() => void vi.useRealTimers());

const check = (registration: Registration = "open") =>
  new NameCheck({
    relay: RELAY,
    name: "",
    version: "0.1.0",
    registration,
    retention: 86_400,
    history_retention: null,
  });
const settle = () => vi.advanceTimersByTimeAsync(500);

it("asks once somebody stops typing what can be a name", async () => {
  const name = check();
  for (const typed of ["n", "no", "noo", " noor ", "noor"]) name.typed(typed, "");
  await settle();
  expect(asked).toEqual([{ username: "noor" }]);
  expect(name.free).toBe(false);
  answers.get("noor")!.take();
  await settle();
  expect(name.free).toBe(true);
  name.typed("noor x", "");
  await settle();
  expect(name.free).toBe(false);
  expect(asked).toHaveLength(1);
});

it("drops an answer that comes after the name was changed", async () => {
  const name = check();
  name.typed("noor", "");
  await settle();
  name.typed("mara", "");
  answers.get("noor")!.take();
  await settle();
  expect(name.free).toBe(false);
  answers.get("mara")!.refuse({ code: "name_taken", message: "another account has this username" });
  await settle();
  expect(name.free).toBe(false);
  expect(name.refused?.code).toBe("name_taken");
  name.typed("mar", "");
  expect(name.refused).toBeNull();
});

it("says nothing of what else goes wrong: the relay may be older than the question", async () => {
  const name = check();
  name.typed("noor", "");
  await settle();
  answers.get("noor")!.refuse({ code: "not_found", message: "there is nothing here" });
  await settle();
  expect([name.free, name.refused]).toEqual([false, null]);
});

it("asks with the code where one is asked for, and not without", async () => {
  const name = check("invite");
  name.typed("noor", " ");
  await settle();
  expect(asked).toEqual([]);
  name.typed("noor", "let-me-in");
  await settle();
  expect(asked).toEqual([{ username: "noor", invite: "let-me-in" }]);
});
