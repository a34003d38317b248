// What the window says when its profile cannot be opened, and that it opens once it can; and what it says when the disk fills or its
// own page dies while somebody writes.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Window, end, eventually, freePort } from "./driver.mjs";

const programs = process.env.PARLEY_PROGRAMS;
const ENTER = "\uE007";
const data = mkdtempSync(join(tmpdir(), "parley-trouble-"));
const port = await freePort();
const person = (name, folder) =>
  new Window(name, {
    app: join(programs, "parley-desktop"),
    data: folder,
    pictures: process.env.PARLEY_PICTURES,
    around: { PARLEY_RELAY: `http://127.0.0.1:${port}` },
  });
const erin = person("erin", data);
const small = join(data, "small");
const frank = person("frank", small);
const profile = join(data, "profiles/default");
let holder = null;
let relay = null;

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

/** A disk of its own, where whoever runs this may have one. */
const mount = (folder, megabytes) =>
  promisify(execFile)("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]).then(() => true, () => false);

/** Writes until nothing more can be written. */
function fill(file) {
  try {
    for (let size = 1 << 20; size; size >>= 1) {
      for (;;) {
        try {
          writeFileSync(file, Buffer.alloc(size), { flag: "a" });
        } catch (error) {
          if (error.code !== "ENOSPC") throw error;
          break;
        }
      }
    }
  } catch (error) {
    throw new Error(`the disk could not be filled: ${error.message}`);
  }
}

/** The process that draws a window: of those which came from the app of this profile, the one by that name. */
function page(folder) {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const read = (pid, file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  return processes.find(
    (pid) => read(pid, "comm").startsWith("WebKitWebProces") && read(pid, "environ").split("\0").includes(`PARLEY_DATA=${folder}`),
  );
}

after(async () => {
  await erin.close();
  await frank.close();
  if (holder) await end(holder);
  if (relay) await end(relay);
  await promisify(execFile)("umount", ["--lazy", join(small, "profiles")]).catch(() => {});
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

test("a window says what goes wrong while somebody writes", async (story) => {
  const folder = join(small, "profiles");
  mkdirSync(folder, { recursive: true });
  const isSmall = await mount(folder, 64);
  relay = spawn(join(programs, "relay-server"), ["--listen", `127.0.0.1:${port}`, "--data", join(data, "relay"), "--name", "Tea house"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await eventually("the relay", async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok);
  await frank.open();
  await frank.sees("Tea house");
  await frank.click("button", "Continue");
  await frank.fill("Username", "frank");
  await frank.fill("E-mail address", "frank@example.org");
  await frank.fill("Password", "correct horse battery staple");
  await frank.click("button", "Create account");
  await frank.find("button", "New chat");
  await frank.call("new_channel", { title: "Notes", description: "", isPublic: false });
  await frank.click("[role=option]", "Notes");

  await story.test("its disk is full", { skip: !isSmall && "no disk can be mounted here" }, async () => {
    await frank.fill("Message", "before");
    await frank.press(ENTER);
    await frank.reads("before");
    fill(join(folder, "filler"));
    await frank.fill("Message", "much to say");
    await frank.press(ENTER);
    // What was typed stays there, and goes out once it can.
    await frank.sees("Nothing is lost; free some space and Parley goes on.");
    await frank.picture("30-full-disk");
    rmSync(join(folder, "filler"));
    await eventually("it goes on", async () => {
      await frank.press(ENTER);
      return (await frank.lines()).at(-1) === "much to say";
    });
    await frank.reads("before", "much to say");
  });

  await story.test("the process that draws it dies", async () => {
    const first = await eventually("its process", () => page(small));
    process.kill(Number(first), "SIGKILL");
    const second = await eventually("another one", () => {
      const now = page(small);
      return now !== first && now;
    });
    // The driver sees nothing of it any more, as its session is of the page that died. The app is there, and hears a second start.
    assert.equal(await frank.startAgain(), 0);
    assert.equal(page(small), second);
  });
});
