// Fails when the code of the screen, gzipped, outgrows its bound. Emoji data and fonts don't count: they are loaded
// when needed. Also fails when anything of the fake world got into the production bundle.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 250 * 1024;
const folder = new URL("../dist/assets/", import.meta.url).pathname;

let total = 0;
for (const name of readdirSync(folder)) {
  if (!/\.(js|css)$/.test(name) || name.startsWith("emoji")) continue;
  const content = readFileSync(join(folder, name));
  if (content.includes("Harbour Street 12")) throw new Error(`${name} holds the fake world`);
  total += gzipSync(content, { level: 9 }).length;
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
console.log(`Screen, gzipped, without emoji data and fonts: ${kib(total)} of ${kib(LIMIT)}`);
if (total > LIMIT) process.exit(1);
