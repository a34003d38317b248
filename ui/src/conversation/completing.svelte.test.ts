import { expect, it, vi } from "vitest";
import { Completing } from "./completing.svelte";
import type { Option } from "./Completion.svelte";

function completing(names: string[]) {
  const take = vi.fn<(name: string) => void>();
  const written = $state({ text: "@" });
  const person = (name: string): Option => ({
    key: name,
    option: "person",
    person: { account: name, username: name },
    take: () => take(name),
  });
  const all = new Completing(
    () => written.text,
    () => names.filter((name) => name.startsWith(written.text.slice(1))).map(person),
  );
  const press = (key: string, shiftKey = false) => all.takes(new KeyboardEvent("keydown", { key, shiftKey }));
  const write = (text: string) => {
    written.text = text;
    all.restart();
  };
  return { all, take, press, write };
}

it("goes round by the arrows and takes what is chosen", () => {
  const { all, take, press, write } = completing(["ben", "bea", "ann"]);
  expect([press("ArrowUp"), press("Tab")]).toEqual([true, true]);
  expect(take).toHaveBeenLastCalledWith("ann");
  press("ArrowDown");
  press("Enter");
  expect(take).toHaveBeenLastCalledWith("ben");
  press("ArrowUp");
  write("@be");
  expect([all.options.length, all.at]).toEqual([2, 0]);
});

it("leaves keys alone that are not for it", () => {
  const { take, press, write } = completing(["ben"]);
  expect([press("a"), press("Enter", true)]).toEqual([false, false]);
  write("@x");
  expect(press("Enter")).toBe(false);
  expect(take).not.toHaveBeenCalled();
});

it("stays put away until something else is written", () => {
  const { all, press, write } = completing(["ben"]);
  press("Escape");
  expect(all.open).toBe(false);
  expect(press("Enter")).toBe(false);
  write("@b");
  expect(all.open).toBe(true);
});
