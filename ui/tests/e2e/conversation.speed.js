// Measures the conversation in a real browser over the fake build, and prints the figures: how long opening a chat of
// 100,000 messages takes to its paint, and how long script holds a frame while one scrolls up through it.
// `npm run build:fake && node tests/e2e/conversation.speed.js [folder of the build]`

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = process.argv[2] ?? fileURLToPath(new URL("../../dist-fake", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
};
const CHAT = "A hundred thousand";
const OPENINGS = 9;
const SECONDS = 20;

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  try {
    const file = await readFile(join(ROOT, pathname === "/" ? "index.html" : pathname));
    response.writeHead(200, { "content-type": TYPES[extname(pathname === "/" ? ".html" : pathname)] ?? "text/html" });
    response.end(file);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0, "127.0.0.1");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.goto(`http://127.0.0.1:${server.address().port}/?scene=big&still&theme=light`);
await page.locator("[data-message]").first().waitFor();

const openings = await page.evaluate(
  async ({ chat, times }) => {
    const row = (name) => [...document.querySelectorAll("[role=option]")].find((one) => one.textContent.includes(name));
    const figures = [];
    for (let turn = 0; turn < times; turn += 1) {
      row("Yusuf").click();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const begun = performance.now();
      row(chat).click();
      while (!/\d{5}: /.test(document.querySelector("[role=log]")?.textContent ?? ""))
        await new Promise(requestAnimationFrame);
      // The frame after the next one has been painted.
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      figures.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return figures;
  },
  { chat: CHAT, times: OPENINGS },
);

// Time of the page's main thread itself: what else runs on the machine doesn't count.
const session = await page.context().newCDPSession(page);
const events = [];
session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
await session.send("Tracing.start", {
  traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] },
});
await page.evaluate(() => {
  window.frames_ = [];
  let last = performance.now();
  const tick = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
});
await page.mouse.move(800, 400);
const seen = new Set();
const ends = Date.now() + SECONDS * 1000;
let jumps = 0;
while (Date.now() < ends) {
  // What stands in the middle must move by what the wheel turned, and never the other way.
  const was = await page.evaluate(anchor);
  await page.mouse.wheel(0, -700);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const is = await page.evaluate(place, was.key);
  seen.add(was.key);
  if (is !== null && (is < was.top - 2 || is > was.top + 702)) {
    jumps += 1;
    process.stdout.write(`what stood at ${was.top.toFixed(0)} stands at ${is.toFixed(0)} after one turn of 700\n`);
  }
}
const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
await session.send("Tracing.end");
await complete;
const main = events.find(
  (one) =>
    one.name === "thread_name" &&
    one.args.name === "CrRendererMain" &&
    events.some((other) => other.name === "FunctionCall" && other.tid === one.tid && other.pid === one.pid),
);
const onMain = events.filter((one) => one.ph === "X" && one.pid === main.pid && one.tid === main.tid);
const millis = (name) => onMain.filter((one) => one.name === name).map((one) => (one.tdur ?? 0) / 1000);
const tasks = millis("RunTask").length > 0 ? millis("RunTask") : millis("ThreadControllerImpl::RunTask");
const calls = [...millis("FunctionCall"), ...millis("RunMicrotasks")];
const { frames, rows, held } = await page.evaluate(() => ({
  frames: window.frames_,
  rows: document.querySelectorAll("[data-row]").length,
  held: document.querySelector("[role=log]").scrollHeight,
}));

function anchor() {
  const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.dataset.row.includes("/"));
  const row = rows.find((one) => one.getBoundingClientRect().top > 80);
  return { key: row?.dataset.row ?? "", top: row?.getBoundingClientRect().top ?? 0 };
}
function place(key) {
  const row = [...document.querySelectorAll("[data-row]")].find((one) => one.dataset.row === key);
  return row ? row.getBoundingClientRect().top : null;
}
const sorted = (values) => [...values].sort((a, b) => a - b);
const share = (values, part) => sorted(values)[Math.floor((values.length - 1) * part)]?.toFixed(1);

process.stdout.write(
  [
    `opening ${CHAT} to its paint, ms: median ${share(openings, 0.5)}, most ${share(openings, 1)} of ${openings.length}`,
    `scrolled up for ${SECONDS} s, ${frames.length} frames; by the clock, ms: median ${share(frames, 0.5)}, 99 % ${share(frames, 0.99)}`,
    `script at a time, thread time, ms: median ${share(calls, 0.5)}, 99 % ${share(calls, 0.99)}, most ${share(calls, 1)} of ${calls.length}`,
    `tasks of the main thread (script, style, layout), thread time, ms: 99 % ${share(tasks, 0.99)}, most ${share(tasks, 1)} of ${tasks.length}; over 50: ${tasks.filter((one) => one > 50).length}`,
    `rows in the document at the end: ${rows}; height of the list: ${held} px; places seen: ${seen.size}; jumps: ${jumps}`,
    "",
  ].join("\n"),
);
await browser.close();
server.close();
