// What a desktop has around a window: a relay that is named at the start, the clipboard, the tray, notifications, a second start, links
// and the keychain. The desktop is `desktop.rs`, or GNOME's for the keychain.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Window, end, eventually, freePort } from "./driver.mjs";

const programs = process.env.PARLEY_PROGRAMS;
const pictures = process.env.PARLEY_PICTURES;
const ESCAPE = "\uE00C";
const [BUS, SECRETS] = ["org.freedesktop.DBus", "org.freedesktop.secrets"];
const PASSWORD = "correct horse battery staple";

const data = mkdtempSync(join(tmpdir(), "parley-desktop-"));
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
// What opens links here, in place of a browser: it tells what it was given, and in which environment.
const [bin, opened] = [join(data, "bin"), join(data, "opened")];
mkdirSync(bin);
writeFileSync(join(bin, "xdg-open"), `#!/bin/sh\n{ echo "$1"; env; } > ${opened}.part && mv ${opened}.part ${opened}\n`, { mode: 0o755 });
const around = { PARLEY_RELAY: address, PATH: `${bin}:${process.env.PATH}`, JSC_useGenerationalGC: "0" };
const person = (name, more) => new Window(name, { app: join(programs, "parley-desktop"), data: join(data, name), pictures, around: { HOME: join(data, name, "home"), ...around }, ...more });
const [alice, bob] = [person("alice"), person("bob")];
const carol = person("carol", { args: [] });
let relay = null;
let keychain = null;

/** Calls a method on the bus; gives what it answers, in words. */
async function send(service, path, method, ...args) {
  const call = ["--session", "--print-reply=literal", `--dest=${service}`, path, method, ...args];
  return (await promisify(execFile)("dbus-send", call)).stdout.trim();
}

/** Asks the desktop. */
async function desktop(method, ...args) {
  const answer = await send("org.freedesktop.Notifications", "/", `chat.parley.Test.${method}`, ...args);
  return answer ? JSON.parse(answer) : null;
}

const notes = (window) => desktop("Notes", `string:${window.data}`);
const tray = (window) => desktop("Tray", `string:${window.data}`);
const choose = (window, words) => desktop("Choose", `string:${window.data}`, `string:${words}`);
const click = (note) => desktop("Click", `uint32:${note.id}`);

async function traySays(window, ...words) {
  let says;
  await eventually(`${window.name}'s tray says ${words.join(" · ")}`, async () => {
    says = await tray(window);
    return JSON.stringify(says) === JSON.stringify(words);
  }).catch((error) => assert.fail(`${error.message}; it says ${says?.join(" · ")}`));
}

/** Waits until this is the only notification there, and gives it. */
async function isTold(window, title, text) {
  let all;
  return eventually(`${window.name} is told “${title}: ${text}”`, async () => {
    all = await notes(window);
    return all.length === 1 && all[0].title === title && all[0].text === text && all[0];
  }).catch((error) => assert.fail(`${error.message}; there is ${JSON.stringify(all)}`));
}

const shows = (window, wanted) =>
  eventually(`${window.name}'s window ${wanted ? "shows" : "is hidden"}`, () =>
    window.script("return document.visibilityState === arguments[0]", wanted ? "visible" : "hidden"),
  );

/** Starts GNOME's keychain, unlocked; it is made if there is none. */
async function startKeychain() {
  const home = join(data, "keychain");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const environment = { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_RUNTIME_DIR: home };
  const args = ["--foreground", "--components=secrets", "--unlock"];
  keychain = spawn("gnome-keyring-daemon", args, { env: environment, stdio: ["pipe", "ignore", "inherit"] });
  keychain.stdin.end(PASSWORD);
  // Not by asking it: the bus would start the one of whoever runs this.
  await eventually("the keychain is there", async () => (await send(BUS, "/", `${BUS}.NameHasOwner`, `string:${SECRETS}`)).endsWith("true"));
}

const relayField = (window) => window.script("return document.querySelector('input[inputmode=url]')?.value");

async function signUp(window) {
  await window.sees("Tea house");
  await window.click("button", "Continue");
  await window.fill("Username", window.name);
  await window.fill("E-mail address", `${window.name}@example.org`);
  await window.fill("Password", PASSWORD);
  await window.click("button", "Create account");
  await window.find("button", "New chat");
}

after(async () => {
  for (const window of [alice, bob, carol]) await window.close();
  if (keychain) await end(keychain);
  if (relay) await end(relay);
  rmSync(data, { recursive: true, force: true });
});

test("a window has its place on the desktop", async (story) => {
  let failed = false;
  const step = (name, act) =>
    story.test(name, { skip: failed }, async () => {
      failed = true;
      await act();
      failed = false;
    });
  relay = spawn(join(programs, "relay-server"), ["--listen", `127.0.0.1:${port}`, "--data", join(data, "relay"), "--name", "Tea house"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await eventually("the relay", async () => (await fetch(`${address}/healthz`)).ok);
  let chat;
  const say = (text) => bob.call("send", { chat, message: { text, reply_to: null, mentions: [] } });

  await step("a new profile is offered the relay that was named at the start", async () => {
    await alice.open();
    await alice.sees("Tea house");
    assert.equal(await relayField(alice), address);
  });

  await step("what is in the clipboard is pasted", async () => {
    await alice.call("copy", { text: "relay.example.invalid" });
    await alice.click("button", "Paste");
    await eventually("it is pasted", async () => (await relayField(alice)) === "relay.example.invalid");
    await alice.fill("Relay address or invite", address);
  });

  await step("the tray is there, and closing leaves the app in it", async () => {
    await signUp(alice);
    await bob.open();
    await signUp(bob);
    await traySays(alice, "Open Parley", "Quit Parley");
    assert.equal((await alice.call("start")).about.tray, true);
  });

  await step("a message to a window in the tray is told, with its words, and counted", async () => {
    await alice.stop();
    alice.args.push("--hidden");
    await alice.start();
    await eventually("both are in", async () => (await alice.call("connection")).state === "online");
    chat = await bob.call("new_direct", { member: "alice" });
    await say("Hello, <b>Alice</b> & all");
    await isTold(alice, "bob", "Hello, &lt;b&gt;Alice&lt;/b&gt; &amp; all");
    await traySays(alice, "Open Parley (1)", "Quit Parley");
    await say("Are you there?");
    await isTold(alice, "bob (2)", "Are you there?");
    await traySays(alice, "Open Parley (2)", "Quit Parley");
  });

  await step("what comes at once is one notification, and what was read elsewhere is none", async () => {
    await alice.call("mark_read", { chat, upto: null });
    await eventually("it is taken away", async () => (await notes(alice)).length === 0);
    for (const text of ["one", "two", "three"]) await say(text);
    await eventually("the three are one", async () => {
      const all = await notes(alice);
      return all.length === 1 && all[0].title === "bob (3)";
    });
  });

  await step("a click on it opens the chat", async () => {
    const [note] = await notes(alice);
    await click(note);
    await alice.find("textarea", "Message");
    await alice.reads("Hello, <b>Alice</b> & all", "Are you there?", "one", "two", "three");
    await traySays(alice, "Open Parley", "Quit Parley");
    await alice.picture("20-from-the-tray");
  });

  await step("closing the window leaves the app in the tray", async () => {
    await desktop("Close", `string:${alice.display}`);
    await shows(alice, false);
  });

  await step("what is told is as much as one wants, and nothing of chats that are muted", async () => {
    const { preferences } = await alice.call("start");
    await alice.call("set_preferences", { preferences: { ...preferences, notification_text: "nothing" } });
    await say("Something private");
    const { title } = await isTold(alice, "Parley", "New message");
    assert.equal(title, "Parley");
    await alice.call("mute", { chat, until: "forever" });
    await traySays(alice, "Open Parley", "Quit Parley");
    await say("Something silent");
    await eventually("it has come", async () => (await alice.call("chat", { chat })).unread === 2);
    await alice.call("mute", { chat, until: null });
    await say("Something loud");
    await isTold(alice, "Parley (2)", "New message");
  });

  await step("a second start shows the first one's window, and what it shows is no news", async () => {
    assert.equal(await alice.startAgain(), 0);
    await shows(alice, true);
    await eventually("it is taken away", async () => (await notes(alice)).length === 0);
  });

  await step("a link is opened outside, without what is meant for this app's webview alone", async () => {
    await alice.call("open_external", { url: "https://example.org/?a=b" });
    const [url, ...environment] = (await eventually("it is opened", () => readFileSync(opened, "utf8"))).split("\n");
    assert.equal(url, "https://example.org/?a=b");
    // What the person had set is theirs, and stays.
    assert.deepEqual(environment.filter((one) => /^(WEBKIT_DISABLE|WEBKIT_WEB_RENDER|JSC_|GDK_GL|MALLOC_|PARLEY_WEBKIT)/.test(one)), ["JSC_useGenerationalGC=0"]);
  });

  await step("a window is not left behind in a tray that goes, and the icon is there when one comes", async () => {
    await desktop("Close", `string:${alice.display}`);
    await shows(alice, false);
    await desktop("HasTray", "boolean:false");
    await shows(alice, true);
    assert.equal((await alice.call("start")).about.tray, false);
    await desktop("HasTray", "boolean:true");
    await traySays(alice, "Open Parley", "Quit Parley");
    await eventually("the app knows it", async () => (await alice.call("start")).about.tray);
  });

  await step("a link that the system hands to a second start is opened by the first", async () => {
    assert.equal(await alice.startAgain(`parley://join/127.0.0.1:${port}/no-such-invite`), 0);
    await alice.picture("21-link");
    await alice.sees("This invite is unknown");
    await alice.press(ESCAPE);
  });

  await step("menus follow the language of the app", async () => {
    const { preferences } = await alice.call("start");
    await alice.call("set_preferences", { preferences: { ...preferences, language: "de" } });
    await traySays(alice, "Parley öffnen", "Parley beenden");
  });

  await step("who wants it has the app started with their session, in the tray", async () => {
    const { preferences } = await alice.call("start");
    const entry = join(alice.data, "home", ".config", "autostart", "Parley.desktop");
    await alice.call("set_preferences", { preferences: { ...preferences, autostart: true } });
    const [, command] = readFileSync(entry, "utf8").match(/^Exec=(.*)$/m);
    assert.ok(command.startsWith(alice.app) && command.endsWith("--hidden --profile default"), command);
    await alice.call("set_preferences", { preferences: { ...preferences, autostart: false } });
    assert.equal(existsSync(entry), false);
  });

  await step("the tray's menu ends the app", async () => {
    await choose(alice, "Parley beenden");
    await alice.hasEnded();
    assert.equal(await tray(alice), null);
  });

  await step("the window has the size that it had", async () => {
    const [file] = readdirSync(alice.data, { recursive: true }).filter((name) => name.endsWith(".window-state.json"));
    const kept = join(alice.data, file);
    const state = JSON.parse(readFileSync(kept, "utf8"));
    assert.deepEqual([state.main.width, state.main.height], [1100, 760]);
    writeFileSync(kept, JSON.stringify({ main: { ...state.main, width: 900, height: 640 } }));
    alice.args.splice(alice.args.indexOf("--hidden"), 1);
    await alice.start();
    await eventually("it is as small as it was", () => alice.script("return innerWidth === 900"));
    await alice.stop();
  });

  await step("whoever signed out is offered the same relay after a restart", async () => {
    await bob.call("sign_out", { all: false });
    await bob.close();
    bob.around.PARLEY_RELAY = "http://relay.example.invalid";
    await bob.open();
    await bob.find("input", "Password");
    await bob.sees("Tea house");
  });

  await step("the keychain keeps the sign-in, and has it again after a restart", async () => {
    await startKeychain();
    await carol.open();
    await signUp(carol);
    assert.equal(await carol.call("in_keychain"), true);
    await carol.stop();
    await carol.start();
    await carol.sees("Relay connected");
    assert.equal(await carol.call("in_keychain"), true);
  });

  await step("while its keychain is locked the profile waits, and says so", async () => {
    await carol.stop();
    const service = "org.freedesktop.Secret.Service";
    await send(SECRETS, "/org/freedesktop/secrets", `${service}.Lock`, "array:objpath:/org/freedesktop/secrets/aliases/default");
    await carol.start();
    await carol.sees("Unlock it, then try again");
    await carol.picture("22-locked-keychain");
    await end(keychain);
    await startKeychain();
    await carol.click("button", "Open again");
    await carol.sees("Relay connected");
  });
});
