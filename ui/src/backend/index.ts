// The backend in force: set once, before anything is mounted. Everything else asks here.

import type { Backend } from "./backend";
import type { Failure } from "./types";

let current: Backend | null = null;

export function useBackend(backend: Backend): void {
  current = backend;
}

export function backend(): Backend {
  if (!current) throw new Error("no backend is set");
  return current;
}

/** What a call failed with; anything unforeseen gets a code of its own. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    return thrown as Failure;
  }
  return { code: "unexpected", message: thrown instanceof Error ? thrown.message : String(thrown) };
}
