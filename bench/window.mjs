// Measures the real window on the profile that `parley-bench prepare` made: `node bench/window.mjs DATA PROGRAMS`, on a display and
// a bus (scripts/bench has both). Times are taken inside the page, so that the driver's own way is not in them.

import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Window, end, eventually } from "../src-tauri/tests/window/driver.mjs";

const [data, programs] = process.argv.slice(2);
if (!data || !programs) {
  console.error("usage: node bench/window.mjs DATA PROGRAMS");
  process.exit(2);
}
const ROUNDS = 7;
const LONG = "A long one";
const app = new Window("bench", { app: join(programs, "parley-desktop"), data, pictures: join(data, "pictures"), args: ["--profile", "bench"] });

/** One line of the table. */
const put = ([what, value, worst, bar]) => console.log(`${what.padEnd(76)}  ${value.padStart(8)}  ${worst.padStart(8)}  ${bar}`);
const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
function times(what, values, bar) {
  put([what, `${middle(values).toFixed(0)} ms`, `${Math.max(...values).toFixed(0)} ms`, bar]);
}
function size(what, megabytes, bar) {
  put([what, `${megabytes.toFixed(0)} MB`, "", bar]);
}

/** The process of the window, and all that came of it. */
function family() {
  const parents = new Map();
  let root = null;
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(name, stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const line = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      if (line[0].endsWith("/parley-desktop") && line.includes("bench")) root ??= name;
    } catch {
      // It ended while it was looked at.
    }
  }
  if (!root) throw new Error("the window's process is not there");
  const all = [root];
  for (const one of all) all.push(...[...parents].filter(([, parent]) => parent === one).map(([child]) => child));
  return all;
}

/** Proportional memory of a process, in megabytes. */
function proportional(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)[1]) / 1024;
}

/** Proportional memory of all of these. */
const total = (pids) => pids.reduce((sum, pid) => sum + proportional(pid), 0);

/** When a process began, in milliseconds since the Unix epoch; as fine as the kernel's ticks, a hundredth of a second. */
function began(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return Date.now() - uptime * 1000 + ticks * 10;
}

const PAINTED = "const painted = (then) => requestAnimationFrame(() => setTimeout(then));";

async function starting() {
  const values = [];
  for (let round = 0; round < ROUNDS; round++) {
    if (round) await app.start();
    const shown = await eventually("the chat list", () =>
      app.script("const mark = performance.getEntriesByName('chats shown')[0]; return mark ? performance.timeOrigin + mark.startTime : null"),
    );
    values.push(shown - began(family()[0]));
    if (round < ROUNDS - 1) await app.stop();
  }
  times("from the process's start to the chat list", values, "≤ 1000 ms");
}

/** Clicks the row of a chat; gives the milliseconds until its lines are painted. */
function openChat(name) {
  return app.later(
    `${PAINTED}
    const [name, done] = arguments;
    const row = [...document.querySelectorAll('[role=option]')].find((option) => option.innerText.includes(name));
    if (!row) return done(null);
    const start = performance.now();
    const before = document.querySelector('[data-message]');
    row.click();
    const look = () => {
      const line = document.querySelector('[data-message]');
      if (line && line !== before) painted(() => done(performance.now() - start));
      // It was open already.
      else if (performance.now() - start > 5000) done(null);
      else requestAnimationFrame(look);
    };
    look();`,
    name,
  );
}

async function opening() {
  const others = await app.script(
    "return [...document.querySelectorAll('[role=option]')].map((option) => option.innerText.split('\\n')[0]).filter(Boolean)",
  );
  const other = await app.script(
    "return [...document.querySelectorAll('[role=option]')].map((option) => option.innerText).find((text) => text && !text.includes(arguments[0])).match(/(Group \\d+|person\\d+)/)[0]",
    LONG,
  );
  const values = [];
  for (let round = 0; round < ROUNDS; round++) {
    await openChat(other);
    const time = await openChat(LONG);
    if (time === null) throw new Error(`no row of ${LONG} among ${others.join(", ")}`);
    values.push(time);
  }
  times("open a chat of 100,000 messages, painted", values, "≤ 100 ms");
}

async function searching() {
  const values = [];
  for (const query of ["morsel", "graha", "selti", "randoke", "wipa", "stuve", "linau"]) {
    const time = await app.later(
      `${PAINTED}
      const [query, done] = arguments;
      const field = document.querySelector('input[type=search], [role=search] input, input[role=combobox]');
      const set = (text) => {
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
        field.dispatchEvent(new Event('input', { bubbles: true }));
      };
      field.focus();
      const start = performance.now();
      set(query);
      const look = () => {
        if (document.querySelector('mark')) painted(() => { const time = performance.now() - start; set(''); done(time); });
        else if (performance.now() - start > 5000) { set(''); done(null); }
        else requestAnimationFrame(look);
      };
      look();`,
      query,
    );
    if (time !== null) values.push(time);
    await eventually("the list is back", () => app.script("return !document.querySelector('mark')"));
  }
  times("search a million messages, first hits painted", values, "≤ 30 ms for the hits");
}

/** In the long chat, which is open since it was measured. */
async function scrolling() {
  const gaps = await app.later(`
    const done = arguments[0];
    const list = [...document.querySelectorAll('*')].find((element) => element.querySelector(':scope [data-message]') && getComputedStyle(element).overflowY === 'auto' && element.scrollHeight > element.clientHeight && !element.querySelector('[role=option]'));
    if (!list) return done(null);
    const gaps = [];
    let last = performance.now();
    let steps = 0;
    const step = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      list.scrollTop -= 400;
      if (++steps < 300) requestAnimationFrame(step);
      else done(gaps.slice(1));
    };
    requestAnimationFrame(step);`);
  if (gaps) times("scroll up through 120,000 pixels, from frame to frame (software drawing)", gaps, "no script over 50 ms");
}

async function memory() {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const pids = family();
  size("memory of the whole app", total(pids), "≤ 330 MB");
  size("of it, the Rust side", proportional(pids[0]), "≤ 80 MB");
}

async function switching() {
  const names = await app.script(
    "return [...document.querySelectorAll('[role=option]')].map((option) => option.innerText.match(/(Group \\d+|person\\d+|A long one)/)?.[0]).filter(Boolean).slice(0, 8)",
  );
  const turns = async (count) => {
    for (let turn = 0; turn < count; turn++) await openChat(names[turn % names.length]);
  };
  await turns(40);
  const before = total(family());
  await turns(160);
  size("growth over 160 changes of chat, after the first 40", total(family()) - before, "none");
}

const relay = spawn(join(programs, "parley-bench"), ["relay", data], { stdio: ["ignore", "inherit", "inherit"] });
try {
  await app.open();
  await starting();
  await opening();
  await searching();
  await scrolling();
  await memory();
  await switching();
  await app.picture("bench");
} finally {
  await app.close();
  await end(relay, "SIGINT");
}
