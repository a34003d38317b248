#!/usr/bin/env node
// Writes src-tauri/licences.txt: every crate and package that is in the app, with its licence. With --check only says whether the list
// is the right one.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const file = join(root, "src-tauri/licences.txt");
// What of the screen's packages ends up in the bundle; the others only build and test it.
const BUNDLED = ["svelte", "@lucide/svelte", "marked", "qrcode-generator", "@fontsource-variable/inter", "emojibase-data", "cldr-annotations-full", "cldr-annotations-derived-full", "@tauri-apps/api"];

const parts = [...crates(), ...packages()].sort((one, other) => compare(one.name, other.name) || compare(one.version, other.version));
const list = parts.map(({ name, version, licence }) => `${name} ${version}: ${licence}`);
if (process.argv.includes("--check")) {
  const known = existsSync(file) ? readFileSync(file, "utf8") : "";
  const missing = list.filter((line) => !known.includes(`${line}\n`));
  if (missing.length) {
    console.error(`src-tauri/licences.txt lacks these; \`make licences\` writes it anew:\n${missing.join("\n")}`);
    process.exit(1);
  }
} else {
  writeFileSync(file, `Parley is made of these, with thanks to everybody who wrote them.\n\n${list.join("\n")}\n\n${texts()}`);
  console.log(`${parts.length} parts are listed in src-tauri/licences.txt`);
}

/** The crates which the window is made of on any system, with the folders where they are. */
function crates() {
  const cargo = (...args) => execFileSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
  const { packages } = JSON.parse(cargo("metadata", "--locked", "--format-version", "1"));
  const named = cargo("tree", "--locked", "-p", "parley-desktop", "-e", "normal", "--target", "all", "--prefix", "none", "--format", "{p}");
  const used = new Set(named.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  return packages
    .filter(({ name, version, source }) => source && used.has(`${name} v${version}`))
    .map(({ name, version, license, manifest_path }) => ({ name, version, licence: license ?? "see its text", folder: dirname(manifest_path) }));
}

function packages() {
  return BUNDLED.map((name) => {
    const folder = join(root, "ui/node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return { name, version, licence: license, folder };
  });
}

/** Each text once, with all that it is the licence of. */
function texts() {
  const whose = new Map();
  for (const { name, version, licence, folder } of parts) {
    const all = readdirSync(folder).filter((entry) => /^(licen[cs]e|copying|notice|unlicense)/i.test(entry)).sort();
    // Where one may choose, the short one is chosen.
    const short = all.filter((entry) => /mit/i.test(entry));
    const chosen = /\bMIT\b/.test(licence) && / OR |\//.test(licence) && short.length ? short : all;
    for (const found of chosen) {
      let text;
      try {
        text = readFileSync(join(folder, found), "utf8").replace(/\r/g, "").trim();
      } catch {
        continue; // A folder of texts which stand beside it, too.
      }
      const key = text.replace(/\s+/g, " ");
      const known = whose.get(key) ?? { text, names: new Set() };
      known.names.add(`${name} ${version}`);
      whose.set(key, known);
    }
  }
  const line = "─".repeat(80);
  return [...whose.values()].map(({ text, names }) => `${line}\n${[...names].join(", ")}\n\n${text}\n`).join("\n");
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
