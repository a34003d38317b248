// Ids and chance that are the same at every start.

import { tint } from "../../design/tint";

/** A small generator of numbers in [0, 1), the same for the same seed. */
export function random(seed: string): () => number {
  let state = hash(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A UUID from a name. */
export function id(name: string): string {
  const next = random(name);
  const hex = Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** A UUID from a name whose tint is the one the drawings show. */
export function tinted(name: string, wanted: number): string {
  for (let attempt = 0; ; attempt += 1) {
    const found = id(`${name} ${attempt}`);
    if (tint(found) === wanted) return found;
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193);
  return value >>> 0;
}
