import { expect, it } from "vitest";
import { reasonKey } from "./reason";

it.each([
  [null, "start.out_self"],
  ["this device was revoked, or the account deleted; sign in again", "start.out_revoked"],
  ["this device was revoked; sign in again", "start.out_revoked"],
  ["the password was changed on another device; sign in again", "start.out_password"],
  ["a refresh token of this device was used twice, so somebody else may have it; sign in again", "start.out_reused"],
  ["this device is signed out; sign in again", "start.out_ended"],
  ["This profile is an old copy, and a new sign-in is needed: x", "start.out_copy"],
])("%j is said in the person's language", (reason, key) => {
  expect(reasonKey(reason)).toBe(key);
});

it("leaves a reason that it doesn't know to its own words", () => {
  expect(reasonKey("the operator asks everybody to sign in again")).toBeNull();
});
