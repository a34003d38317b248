// Chooses the backend when the screen is built: the fake world in `--mode fake`, the engine otherwise. The condition is
// known to the bundler, so each bundle holds only its own.

import type { Backend } from "./backend";

/** `tauri.ts` exports `tauri`: the real one. */
const real = import.meta.glob<{ tauri: Backend }>("./tauri.ts");

export async function connect(): Promise<Backend> {
  if (import.meta.env.MODE === "fake") {
    const { open } = await import("./fake");
    return open(new URLSearchParams(location.search));
  }
  const load = real["./tauri.ts"];
  if (!load) throw new Error("this build has no engine");
  return (await load()).tauri;
}
