// Chooses the backend when the screen is built: the fake world in `--mode fake`, the engine otherwise. The condition is
// known to the bundler, so each bundle holds only its own.

import type { Backend } from "./backend";

export async function connect(): Promise<Backend> {
  if (import.meta.env.MODE === "fake") {
    const { open } = await import("./fake");
    return open(new URLSearchParams(location.search));
  }
  const { tauri } = await import("./tauri");
  return tauri;
}
