import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it } from "vitest";
import type { MemberView } from "../backend/types";
import { roundTrips } from "../state/roundtrips.svelte";
import MemberRow from "./MemberRow.svelte";

afterEach(cleanup);

const BEN: MemberView = {
  account: "ben",
  username: "Ben",
  role: "member",
  devices: 1,
  presence: { state: "online", last_seen: null },
  route: "lan",
  round_trip: 3_000,
};

function row(change: Partial<MemberView>, own = false): string {
  cleanup();
  const nothing = () => {};
  const member = { ...BEN, ...change };
  render(MemberRow, { member, index: 0, stop: true, own, showsPresence: true, onfocus: nothing, onopen: nothing });
  return (screen.getByText("Ben").closest(".row")?.textContent ?? "").replace(/\s+/g, " ");
}

it("shows the round trip of the direct link", () => {
  expect(row({})).toContain("3 ms");
  expect(row({ route: "turn", round_trip: 88_000 })).toContain("88 ms");
});

it("shows the relay's where the relay carries", () => {
  roundTrips.take("relay", "relay", 61_000);
  expect(row({ route: "relay", round_trip: null })).toContain("61 ms");
  roundTrips.clear();
});

it("shows none while it is unknown, and none of a link that does not carry what is written now", () => {
  for (const change of [{ round_trip: null }, { route: "relay" as const }, { route: "wait" as const }]) {
    expect(row(change)).not.toMatch(/ms|—/);
  }
});
