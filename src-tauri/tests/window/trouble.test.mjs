// What the window says when its profile cannot be opened, and that it opens once it can.

import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Window, end, eventually } from "./driver.mjs";

const data = mkdtempSync(join(tmpdir(), "parley-trouble-"));
const erin = new Window("erin", { app: join(process.env.PARLEY_PROGRAMS, "parley-desktop"), data, pictures: process.env.PARLEY_PICTURES });
const profile = join(data, "profiles/default");
let holder = null;

async function opensAgain() {
  await erin.click("button", "Open again");
  await erin.find("input, textarea", "Relay address or invite");
}

const isFree = () => promisify(execFile)("flock", ["--nonblock", join(profile, "lock"), "true"]).then(() => true, () => false);

/** Starts the app with another database in its profile, sees what it says, and gives it its own again. */
async function withDatabase(file, says) {
  await erin.stop();
  await eventually("the app lets go of the profile", isFree);
  const aside = join(data, "aside");
  renameSync(profile, aside);
  mkdirSync(profile);
  writeFileSync(join(profile, "parley.sqlite"), file);
  await erin.start();
  await erin.sees(says);
  rmSync(profile, { recursive: true });
  renameSync(aside, profile);
  await opensAgain();
}

/** An empty database of SQLite's, of this version of ours: a page with its header and no tables. */
function emptyDatabase(version) {
  const page = Buffer.alloc(512);
  page.write("SQLite format 3\0");
  page.writeUInt16BE(page.length, 16);
  page.set([1, 1, 0, 64, 32, 32], 18);
  for (const [at, number] of [[24, 1], [28, 1], [44, 4], [56, 1], [60, version], [92, 1]]) page.writeUInt32BE(number, at);
  // The root of the schema: a leaf without cells.
  page[100] = 13;
  page.writeUInt16BE(page.length, 105);
  return page;
}

after(async () => {
  await erin.close();
  if (holder) await end(holder);
  rmSync(data, { recursive: true, force: true });
});

test("a window says what is wrong with its profile", async (story) => {
  await story.test("another process has it open", async () => {
    await erin.open();
    await erin.find("input, textarea", "Relay address or invite");
    await erin.stop();
    await eventually("the app lets go of the profile", isFree);
    holder = spawn("flock", ["--no-fork", join(profile, "lock"), "sleep", "infinity"], { stdio: "ignore" });
    await eventually("it is held", async () => !(await isFree()));
    await erin.start();
    await erin.sees("Another Parley has the profile ‘default’ open");
    await end(holder);
    await opensAgain();
  });

  await story.test("a newer version wrote it", () => withDatabase(emptyDatabase(99), "A newer Parley has used this profile"));

  await story.test("its database cannot be read", () => withDatabase("This is no database. ".repeat(400), "free some space or check the disk"));
});
