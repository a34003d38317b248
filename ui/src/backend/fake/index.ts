// The fake backend: a lively world in memory, for development and tests. `?scene=` chooses the moment, `&still` stops the
// clock and keeps people from acting by themselves, `&theme=` and `&lang=` choose what the preferences would.

import { clock } from "../../state/clock.svelte";
import type { Backend } from "../backend";
import type { Preferences } from "../types";
import { account, persons, topics, window_ } from "./account";
import { chats } from "./chats";
import { messages } from "./messages";
import { People } from "./people";
import { chatNamed, setScene } from "./scenes";
import { type Verbs, verbs } from "./verbs";
import { World } from "./world";

declare global {
  interface Window {
    parley?: Verbs;
  }
}

export function open(parameters: URLSearchParams): Backend {
  const { backend, verbs } = make(parameters.get("scene") ?? "main", {
    still: parameters.has("still"),
    preferences: {
      ...(parameters.has("theme") && { theme: parameters.get("theme") as Preferences["theme"] }),
      ...(parameters.has("lang") && { language: parameters.get("lang") }),
    },
  });
  window.parley = verbs;
  return backend;
}

export function make(
  sceneName = "main",
  options: { still?: boolean; preferences?: Partial<Preferences> } = {},
): { backend: Backend; world: World; verbs: Verbs } {
  const world = new World();
  const people = new People(world, sceneName);
  const scene = setScene(world, sceneName);
  world.preferences = { ...world.preferences, ...options.preferences };
  world.lively = !options.still;
  if (options.still) clock.freeze(clock.now());

  const parts = {
    ...window_(world),
    ...account(world, people),
    ...persons(world),
    ...chats(world),
    ...messages(world, people),
    ...topics(world),
  };
  let begun = false;
  const backend: Backend = {
    ...parts,
    async chats() {
      const all = await parts.chats();
      if (!begun) {
        begun = true;
        // After the screen has taken the list.
        setTimeout(() => {
          if (scene.open) world.tell({ event: "open_chat", chat: chatNamed(world, scene.open).id, key: null });
          for (const [topic, data] of topicsHeard(world)) {
            world.tell({ event: "topic", topic, from: { account: world.account, device: world.device }, data });
          }
          scene.then?.(world, people);
        });
      }
      return all;
    },
  };
  return { backend, world, verbs: verbs(world, people) };
}

function topicsHeard(world: World): [string, string][] {
  return world.topicsHeard.filter(([topic]) => world.topics.includes(topic));
}
