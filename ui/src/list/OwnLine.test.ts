import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import { startEvents, stopEvents } from "../state/events";
import { roundTrips } from "../state/roundtrips.svelte";
import { session } from "../state/session.svelte";
import OwnLine from "./OwnLine.svelte";

afterEach(() => {
  cleanup();
  stopEvents();
  roundTrips.clear();
});

it("shows the relay's round trip though there is no chat", async () => {
  session.connection = { state: "connecting" };
  const { backend, verbs } = make("empty", { still: true });
  useBackend(backend);
  await startEvents();
  await session.start();
  render(OwnLine, { rail: false });
  await screen.findByText("41 ms");
  verbs.goOffline();
  await screen.findByText(/^retry in/);
  expect(screen.queryByText("41 ms")).toBeNull();
});
