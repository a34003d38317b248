// Measures the real window on the profile that `parley-bench prepare` made: `node bench/window.mjs DATA PROGRAMS`, on a display and
// a bus (scripts/bench has both). Times are taken inside the page, so that the driver's own way is not in them. In the end it
// changes chats while somebody writes, for MINUTES of the environment (3), and tells what the memory does; PAUSE is how many
// milliseconds it stays in each chat (100). The page does that by itself, as each word of the driver leaves something behind in it.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Window, end, eventually } from "../src-tauri/tests/window/driver.mjs";

const [data, programs] = process.argv.slice(2);
if (!data || !programs) {
  console.error("usage: node bench/window.mjs DATA PROGRAMS");
  process.exit(2);
}
const ROUNDS = 7;
const LONG = "A long one";
const MINUTES = Number(process.env.MINUTES ?? 3);
const PAUSE = Number(process.env.PAUSE ?? 100);
const window = (folder) =>
  new Window("bench", { app: join(programs, "parley-desktop"), data: folder, pictures: join(data, "pictures"), args: ["--profile", "bench"] });
const app = window(data);

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

/** What a process takes, in megabytes: proportionally, and of that what is its own and stands in no file. */
function proportional(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)[1]) / 1024;
  return { all: of("Pss"), own: of("Pss_Anon") };
}

/** The same of all of these together. */
function total(pids) {
  const each = pids.map(proportional);
  return { all: each.reduce((sum, { all }) => sum + all, 0), own: each.reduce((sum, { own }) => sum + own, 0) };
}

/** When a process began, in milliseconds since the Unix epoch; as fine as the kernel's ticks, a hundredth of a second. */
function began(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return Date.now() - uptime * 1000 + ticks * 10;
}

/** In the page: once `find` finds something there, and that is painted, `then` gets the milliseconds since `start`; null if it never comes. */
const SHOWN = `const shown = (find, start, then) => {
  const look = () => {
    if (!find()) return;
    end();
    requestAnimationFrame(() => setTimeout(() => then(performance.now() - start)));
  };
  const watch = new MutationObserver(look);
  const patience = setTimeout(() => { end(); then(null); }, 5000);
  const end = () => { watch.disconnect(); clearTimeout(patience); };
  watch.observe(document.body, { childList: true, subtree: true, characterData: true });
};`;

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
    `${SHOWN}
    const [name, done] = arguments;
    const row = [...document.querySelectorAll('[role=option]')].find((option) => option.innerText.includes(name));
    // It is not there, or open already.
    if (!row || row.ariaSelected === 'true') return done(null);
    const before = document.querySelector('[data-message]');
    shown(() => ![null, before].includes(document.querySelector('[data-message]')), performance.now(), done);
    row.click();`,
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
      `${SHOWN}
      const [query, done] = arguments;
      const field = document.querySelector('input[role=combobox]');
      const set = (text) => {
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
        field.dispatchEvent(new Event('input', { bubbles: true }));
      };
      field.focus();
      shown(() => document.querySelector('#found mark'), performance.now(), (time) => { set(''); done(time); });
      set(query);`,
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

/** Somebody who writes in a chat, on another device. Gives the process, and when each message was handed over. */
function talk(chat, messages, pause) {
  const args = ["talk", data, "--chat", chat, "--messages", String(messages), "--pause", String(pause)];
  const process = spawn(join(programs, "parley-bench"), args, { stdio: ["ignore", "pipe", "inherit"] });
  const said = new Map();
  createInterface({ input: process.stdout }).on("line", (line) => {
    const [id, time] = line.split(" ");
    said.set(id, Number(time));
  });
  return { process, said, ended: new Promise((resolve) => process.once("exit", resolve)) };
}

/** The newest lines of a chat. */
function newest(chat, limit) {
  return app.later(
    "const [chat, limit, done] = arguments; window.__TAURI_INTERNALS__.invoke('history', { chat, page: { page: 'newest' }, limit }).then(done)",
    chat,
    limit,
  );
}

/** In the long chat, at its end, as whoever waits for an answer has it. Gives its id. */
async function news() {
  await openChat(LONG);
  const chat = await app.script("return document.querySelector('[role=option][aria-selected=true]').id.slice('chat-'.length)");
  const [last] = await newest(chat, 1);
  // On the way to the end it stops at the first unread message, of which an earlier run leaves some.
  await eventually("the end of the chat", () =>
    app.script(
      `document.querySelector('[role=log]').dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
      return [...document.querySelectorAll('[data-message]')].at(-1)?.dataset.message === arguments[0]`,
      `${last.device}/${last.id}`,
    ),
  );
  // What another run wrote stands there first.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await app.script(`
    const list = document.querySelector('[role=log]');
    const seen = (window.seen = {});
    const known = new Set([...document.querySelectorAll('[data-message]')]);
    window.watch = new MutationObserver(() => {
      for (const line of list.querySelectorAll('[data-message]')) {
        if (known.has(line)) continue;
        known.add(line);
        const key = line.dataset.message;
        requestAnimationFrame(() => setTimeout(() => (seen[key] ??= Date.now())));
      }
    });
    window.watch.observe(list, { childList: true, subtree: true });`);
  const { said, ended } = talk(chat, 40, 400);
  await ended;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  // It holds every line that it has seen, also when that has left the list.
  const seen = await app.script("window.watch.disconnect(); delete window.watch; return window.seen");
  const held = await newest(chat, 40);
  const since = (from) => held.map((line) => seen[`${line.device}/${line.id}`] - from(line)).filter(Number.isFinite);
  times("a message of another device, from its receipt here to painted", since((line) => line.received_at), "≤ 30 ms");
  times("the same, from its sender's send", since((line) => said.get(line.id)), "");
  return chat;
}

/** What the window takes with nothing in it: nobody is signed in. */
async function bare() {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const empty = window(folder);
  try {
    await empty.open();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const pids = family();
    return { whole: total(pids).all, rust: proportional(pids[0]).all };
  } finally {
    await empty.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function memory(empty) {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const pids = family();
  size("memory of the whole app", total(pids).all, "≤ 330 MB");
  size("the same of a profile in which nobody is signed in", empty.whole, "");
  size("of the whole, the Rust side", proportional(pids[0]).all, "≤ 80 MB");
  size("the same of a profile in which nobody is signed in", empty.rust, "");
}

/** Changes chats while messages come; memory is looked at ten times a minute. */
async function soak(long) {
  const names = await app.script(
    "return [...document.querySelectorAll('[role=option]')].map((option) => option.innerText.match(/(Group \\d+|person\\d+|A long one)/)?.[0]).filter(Boolean).slice(0, 8)",
  );
  await app.script(
    `const [names, pause] = arguments;
    window.turns = 0;
    const next = () => {
      const name = names[window.turns++ % names.length];
      [...document.querySelectorAll('[role=option]')].find((option) => option.innerText.includes(name))?.click();
      setTimeout(next, pause);
    };
    next();`,
    names,
    PAUSE,
  );
  const { process: writer, ended } = talk(long, 1_000_000, 250);
  const begun = Date.now();
  const samples = [];
  while (Date.now() - begun < MINUTES * 60_000) {
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    const [rust, ...web] = family();
    samples.push({ minute: (Date.now() - begun) / 60_000, rust: proportional(rust).own, web: total(web).own });
  }
  const [last] = await newest(long, 1);
  writer.kill("SIGINT");
  await ended;
  // A relay holds so much for whoever is away, and the others of this chat never come.
  if (Date.now() - last.received_at > 30_000) throw new Error(`nothing came any more: the relay is full; take ${data} away and begin again`);
  const turns = await app.script("return window.turns");
  // What is thrown away stands there until it is collected: the lowest of each stretch is what is kept.
  const lowest = (of, part) => {
    const stretch = samples.slice(Math.floor((samples.length * part) / 5), Math.floor((samples.length * (part + 1)) / 5));
    return Math.min(...stretch.map((sample) => sample[of]));
  };
  for (const [of, what] of [["rust", "the Rust side"], ["web", "the web side"]]) {
    const parts = [0, 1, 2, 3, 4].map((part) => lowest(of, part).toFixed(0));
    console.log(`${what} alone, lowest in each fifth of ${MINUTES} minutes and ${turns} changes of chat: ${parts.join(", ")} MB`);
  }
}

const relay = spawn(join(programs, "parley-bench"), ["relay", data], { stdio: ["ignore", "inherit", "inherit"] });
try {
  const empty = await bare();
  await app.open();
  await starting();
  await opening();
  await searching();
  await scrolling();
  await memory(empty);
  await soak(await news());
  await app.picture("bench");
} finally {
  await app.close();
  await end(relay, "SIGINT");
}
