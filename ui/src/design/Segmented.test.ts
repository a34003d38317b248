import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import Segmented from "./Segmented.svelte";

afterEach(cleanup);

const options = [
  { value: "all", label: "Everyone" },
  { value: "none", label: "Nobody" },
];

it("says why nothing can be chosen, to whoever listens and to whoever walks by keyboard", async () => {
  const onchange = vi.fn();
  const reason = "The relay is needed for this.";
  render(Segmented, { label: "Who sees it", options, value: "all", onchange, reason });
  for (const radio of screen.getAllByRole("radio")) {
    const described = radio.getAttribute("aria-describedby");
    expect(document.getElementById(described ?? "")?.textContent).toBe(reason);
  }
  await userEvent.tab();
  expect(document.querySelector(".tooltip")?.textContent).toBe(reason);
  await userEvent.keyboard("{ArrowRight}");
  expect(onchange).not.toHaveBeenCalled();
});

it("has nothing to explain where one can choose", async () => {
  render(Segmented, { label: "Who sees it", options, value: "all", onchange: () => {} });
  expect(screen.getAllByRole("radio").some((radio) => radio.hasAttribute("aria-describedby"))).toBe(false);
  await userEvent.tab();
  expect(document.querySelector(".tooltip")).toBeNull();
});
