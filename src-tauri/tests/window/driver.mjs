// A real window, driven as a person would: found by what is read aloud, typed and clicked into, and looked at. By WebDriver, which
// tauri-driver speaks to the window's own webview.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** How long anything may take that a person waits for, in milliseconds. This is a bound for machines that are busy, no measure. */
const PATIENCE = 60_000;
/** How long one request to the driver may take. Now and then one hangs, of a picture above all, and the next one does not. */
const REQUEST = 15_000;
/** WebDriver's name for a reference to an element. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until this gives something, and gives that. */
export async function eventually(what, look) {
  const deadline = Date.now() + PATIENCE;
  let last;
  while (Date.now() < deadline) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came: ${what}${last ? ` (${last.message})` : ""}`);
}

/** Ends a process and waits until it has ended. */
export async function end(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

/** What runs inside the page: finds what shows, by its role and what it is called. */
const FIND = `
  const [selector, name] = arguments;
  const named = (element) =>
    element.getAttribute("aria-label") ??
    (element.labels?.length ? element.labels[0].textContent : element.textContent) ?? "";
  const shows = (element) => element.getClientRects().length > 0;
  const plain = (text) => text.replace(/\\s+/g, " ").trim();
  const all = [...document.querySelectorAll(selector)].filter(shows);
  return all.find((element) => plain(named(element)) === name) ?? all.find((element) => plain(named(element)).startsWith(name)) ?? null;
`;

/** One app process with its profile, behind a driver of its own. */
export class Window {
  #display;
  #driver;
  #session = null;
  #base;
  #environment;

  /** `around` is what else stands in the app's environment. */
  constructor(name, { app, data, pictures, args = ["--no-keychain"], around = {} }) {
    Object.assign(this, { name, app, data, pictures, args, around });
  }

  /** Starts the driver and the app. */
  async open() {
    const [port, native] = [await freePort(), await freePort()];
    this.#base = `http://127.0.0.1:${port}`;
    // A display of its own: a window that another one covers is not drawn.
    this.#display = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1400x1000x24"], { stdio: ["ignore", "pipe", "ignore"] });
    const number = await new Promise((resolve) => this.#display.stdout.once("data", (data) => resolve(String(data).trim())));
    this.display = `:${number}`;
    const home = { PARLEY_DATA: this.data, XDG_DATA_HOME: join(this.data, "home"), XDG_CONFIG_HOME: join(this.data, "home") };
    this.#environment = { ...process.env, DISPLAY: this.display, ...home, ...this.around };
    this.#driver = spawn("tauri-driver", ["--port", String(port), "--native-port", String(native)], {
      env: this.#environment,
      stdio: ["ignore", "inherit", "inherit"],
    });
    await eventually("the driver", async () => (await fetch(`${this.#base}/status`)).ok);
    await this.start();
  }

  /** Starts the app. */
  async start() {
    const capabilities = { alwaysMatch: { "tauri:options": { application: this.app, args: this.args } } };
    const { sessionId } = await this.#ask("POST", "/session", { capabilities }, PATIENCE);
    this.#session = sessionId;
    await eventually(`${this.name}'s screen`, () => this.script("return document.querySelector('#app')?.childElementCount > 0"));
  }

  /** Starts the app a second time, as from a menu or for a link; gives how that process ended. */
  async startAgain(...args) {
    const second = spawn(this.app, [...this.args, ...args], { env: this.#environment, stdio: ["ignore", "inherit", "inherit"] });
    return new Promise((resolve) => second.once("exit", resolve));
  }

  /** The app has ended by itself. */
  async hasEnded() {
    await eventually(`${this.name}'s app ends`, () => this.script("return false").then(() => false, () => true));
    await this.stop().catch(() => {});
  }

  /** Ends the app; the profile stays. */
  async stop() {
    await this.#ask("DELETE", `/session/${this.#session}`);
    this.#session = null;
  }

  async close() {
    if (this.#session) await this.stop().catch(() => {});
    if (this.#driver) await end(this.#driver);
    if (this.#display) await end(this.#display);
  }

  async #ask(method, path, body, patience = REQUEST) {
    const answer = await fetch(`${this.#base}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
      signal: AbortSignal.timeout(patience),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${this.name}: ${value?.error ?? answer.status}: ${value?.message ?? path}`);
    return value;
  }

  #in(method, path, body) {
    return this.#ask(method, `/session/${this.#session}${path}`, body);
  }

  /** Runs a script in the page. */
  script(script, ...args) {
    return this.#in("POST", "/execute/sync", { script, args });
  }

  /** Runs a script in the page that calls its last argument back, and gives with what. */
  later(script, ...args) {
    return this.#ask("POST", `/session/${this.#session}/execute/async`, { script, args }, PATIENCE);
  }

  /** Calls a command of the shell, as the screen does. */
  async call(command, args = {}) {
    const ask = `const [command, args, done] = arguments;
      window.__TAURI_INTERNALS__.invoke(command, args).then((value) => done({ value }), (failure) => done({ failure }));`;
    const { value, failure } = await this.later(ask, command, args);
    if (failure) throw new Error(`${this.name}: ${command}: ${failure.message ?? failure}`);
    return value;
  }

  /** What shows and is called so, once it does. */
  async find(selector, name) {
    return eventually(`${this.name} sees ${selector} “${name}”`, () => this.script(FIND, selector, name));
  }

  async click(selector, name) {
    await eventually(`${this.name} clicks ${selector} “${name}”`, async () => {
      const element = await this.find(selector, name);
      // With the pointer, as the driver's own click waits for pages that are being left, and these never are.
      const origin = { type: "pointerMove", duration: 0, origin: element, x: 0, y: 0 };
      const press = [{ type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }];
      const pointer = { type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions: [origin, ...press] };
      await this.#in("POST", "/actions", { actions: [pointer] });
      return true;
    });
  }

  /** Types into a field, in place of what is there. */
  async fill(name, text) {
    await eventually(`${this.name} fills “${name}”`, async () => {
      const element = await this.find("input, textarea", name);
      await this.#in("POST", `/element/${element[ELEMENT]}/clear`);
      if (text) await this.#in("POST", `/element/${element[ELEMENT]}/value`, { text });
      return true;
    });
  }

  /** Presses keys where the focus is. */
  async press(...keys) {
    const actions = [...keys.map((value) => ({ type: "keyDown", value })), ...keys.toReversed().map((value) => ({ type: "keyUp", value }))];
    await this.#in("POST", "/actions", { actions: [{ type: "key", id: "keys", actions }] });
  }

  /** Waits until these words show. */
  async sees(words) {
    await eventually(`${this.name} sees “${words}”`, () => this.script("return document.body.innerText.includes(arguments[0])", words));
  }

  /** The texts of a conversation that show, in their order. */
  lines() {
    return this.script("return [...document.querySelectorAll('[data-message] .bubble')].map((bubble) => bubble.innerText.split('\\n')[0])");
  }

  /** Waits until a conversation's last lines are these. */
  async reads(...expected) {
    let lines = [];
    await eventually(`${this.name} reads ${expected.join(" · ")}`, async () => {
      lines = await this.lines();
      return JSON.stringify(lines.slice(-expected.length)) === JSON.stringify(expected);
    }).catch((error) => assert.fail(`${error.message}; there is ${lines.join(" · ")}`));
  }

  /** Takes a picture of the window, for people to look at. A webview that has nothing new to draw may never answer for one; the story
   * goes on without it and says so. */
  async picture(step) {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        const drawn = this.script("const root = document.documentElement; root.style.opacity = '0.999'; requestAnimationFrame(() => root.style.removeProperty('opacity'))");
        const data = await this.#ask("GET", `/session/${this.#session}/screenshot`, undefined, 3_000);
        await drawn;
        mkdirSync(this.pictures, { recursive: true });
        writeFileSync(join(this.pictures, `${step}-${this.name}.png`), Buffer.from(data, "base64"));
        return;
      } catch (error) {
        console.log(`no picture of ${step} yet: ${error.message}`);
      }
    }
  }
}
