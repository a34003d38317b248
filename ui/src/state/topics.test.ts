// Live topics: what stands in the list, and what leaves it.

import { afterEach, beforeEach, expect, it } from "vitest";
import { useBackend } from "../backend";
import { make } from "../backend/fake";
import type { Verbs } from "../backend/fake/verbs";
import { startEvents, stopEvents } from "./events";
import { topics } from "./topics.svelte";

let world: Verbs;

beforeEach(async () => {
  const made = make("empty", { still: true });
  world = made.verbs;
  useBackend(made.backend);
  topics.listen();
  await startEvents();
});
afterEach(() => {
  stopEvents();
  topics.clear();
});

const shown = () => topics.rows.map(({ topic }) => topic);

it("keeps what came of a pattern for as long as one listens to it", async () => {
  await topics.subscribe("sport.>");
  await topics.subscribe("news.*");
  for (const topic of ["sport.football", "sport.chess.local", "news.town"]) world.topic(topic, "…");
  expect(shown()).toEqual(["sport.>", "news.*", "sport.football", "sport.chess.local", "news.town"]);
  await topics.unsubscribe("sport.>");
  expect(shown()).toEqual(["news.*", "news.town"]);
});

it("shows the newest hundred of a pattern, however many names somebody makes up", async () => {
  await topics.subscribe(">");
  for (let n = 0; n < 130; n += 1) world.topic(`flood.${n}`, "…");
  expect(shown()).toHaveLength(101);
  expect(shown().at(-1)).toBe("flood.129");
});
