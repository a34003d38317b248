// What is known of each device that has a message, and nothing in place of what is not.

import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import { chatNamed } from "../backend/fake/scenes";
import type { ChatView, DeviceDelivery, MessageView } from "../backend/types";
import { clock } from "../state/clock.svelte";
import { session } from "../state/session.svelte";
import DetailsDialog from "./DetailsDialog.svelte";

const NOW = new Date(2025, 10, 20, 14, 33).getTime();

let world: ReturnType<typeof make>;
let chat: ChatView;
let line: MessageView;

beforeEach(async () => {
  world = make("group", { still: true });
  useBackend(world.backend);
  await session.start();
  clock.freeze(NOW);
  const { id } = chatNamed(world.world, "Harbour Street 12");
  chat = await world.backend.chat(id);
  line = await world.backend.message(id, (await world.backend.lastOwn(id))!);
});

afterEach(() => {
  cleanup();
  clock.set(Date.now());
  clock.stop();
});

const UNKNOWN: DeviceDelivery = {
  account: "ben",
  username: "Ben",
  device: "ben-laptop",
  delivered: false,
  read: false,
  delivered_at: null,
  read_at: null,
  route: null,
};

async function rows(...devices: Partial<DeviceDelivery>[]): Promise<string[]> {
  const deliveries = devices.map((device) => ({ ...UNKNOWN, ...device }));
  useBackend({ ...world.backend, deliveries: () => Promise.resolve(deliveries) });
  render(DetailsDialog, { line, chat, onclose: () => {} });
  const found = await screen.findAllByRole("listitem", { hidden: true });
  return found.map((row) => (row.textContent ?? "").replace(/\s+/g, " ").trim());
}

it("names the route and the times of each device", async () => {
  const delivered_at = new Date(2025, 10, 19, 23, 58).getTime();
  const read_at = new Date(2025, 10, 20, 9, 5).getTime();
  const [laptop, phone] = await rows(
    { delivered: true, read: true, delivered_at, read_at, route: "lan" },
    { device: "ben-phone", delivered: true, delivered_at: read_at, route: "relay" },
  );
  expect(laptop).toMatch(/Ben, device 1 Direct, LAN Delivered 19 Nov, 23:58 Read 9:05$/);
  expect(phone).toMatch(/Ben, device 2 Relay Delivered 9:05$/);
});

it("calls one's own devices by their names, and counts them without the relay", async () => {
  const { account } = session.me!;
  const { id, name } = world.world.devices.find((device) => !device.current)!;
  await rows({ account, device: id, delivered: true });
  await screen.findByText(`You, ${name}`);
  cleanup();
  world.verbs.goOffline();
  await rows({ account, device: id }, { account, device: "another" });
  await screen.findByText("You, device 1");
});

it("shows nothing in place of what is not known", async () => {
  const [has, waits] = await rows({ delivered: true }, { device: "ines", account: "ines", username: "Ines" });
  expect(has).toMatch(/Ben Delivered$/);
  expect(waits).toMatch(/Ines Not yet$/);
});
