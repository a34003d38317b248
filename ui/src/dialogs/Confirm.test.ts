import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import Confirm from "./Confirm.svelte";

const asked = { title: "Leave bike-repair?", lead: "Nothing more comes.", label: "Leave", danger: true };

it("begins at the way out, and does nothing until it is told to", async () => {
  const run = vi.fn(async () => {});
  const onclose = vi.fn();
  render(Confirm, { ...asked, run, onclose });
  expect(document.activeElement?.textContent).toContain("Cancel");
  await userEvent.click(screen.getByText("Cancel"));
  expect(onclose).toHaveBeenCalledTimes(1);
  expect(run).not.toHaveBeenCalled();
});

it("stays with the reason when it fails", async () => {
  const onclose = vi.fn();
  const run = () => Promise.reject({ code: "limit_reached", message: "not now" });
  render(Confirm, { ...asked, run, onclose });
  await userEvent.click(screen.getByText("Leave"));
  expect((await screen.findByRole("alert", { hidden: true })).textContent).toContain("Not now.");
  expect(onclose).not.toHaveBeenCalled();
});

it("can't be done where there is a reason against it, which is read out with the button", async () => {
  const run = vi.fn(async () => {});
  render(Confirm, { ...asked, reason: "Hand it over first.", run, onclose: () => {} });
  await userEvent.click(screen.getByText("Leave"));
  expect(run).not.toHaveBeenCalled();
  const described = screen.getByText("Leave").closest("button")?.getAttribute("aria-describedby");
  expect(document.getElementById(described ?? "")?.textContent).toBe("Hand it over first.");
});
