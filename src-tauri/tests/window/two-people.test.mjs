// Two people, two real windows and a real relay: from the first start to signing out, with the relay dying in between.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Window, end, eventually, freePort } from "./driver.mjs";

const programs = process.env.PARLEY_PROGRAMS;
const pictures = process.env.PARLEY_PICTURES;
const PASSWORD = "correct horse battery staple";
const ENTER = "\uE007";
const DELETE = "\uE017";

/** What a script that got into the page by some fault would try: a script of its own, the network, a plugin's command, another page. */
const TRY_OTHERS = `
  window.refused = [];
  document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.gotIn = true";
  document.head.append(script);
  fetch("http://127.0.0.1:1/").catch(() => {});
  window.__TAURI_INTERNALS__.invoke("plugin:clipboard-manager|read_text").then(
    () => (window.gotIn = true),
    () => window.refused.push("plugin"),
  );
  location.href = "https://example.org/";
`;

const data = mkdtempSync(join(tmpdir(), "parley-window-"));
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
const person = (name) => new Window(name, { app: join(programs, "parley-desktop"), data: join(data, name), pictures });
const [alice, bob, laptop] = ["alice", "bob", "laptop"].map(person);
let relay = null;

async function startRelay() {
  relay = spawn(join(programs, "relay-server"), ["--listen", `127.0.0.1:${port}`, "--data", join(data, "relay"), "--name", "Tea house"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await eventually("the relay", async () => (await fetch(`${address}/healthz`)).ok);
}

async function signUp(window) {
  await window.fill("Relay address or invite", address);
  await window.sees("Tea house");
  await window.click("button", "Continue");
  await window.fill("Username", window.name);
  await window.fill("E-mail address", `${window.name}@example.org`);
  await window.fill("Password", PASSWORD);
  await window.click("button", "Create account");
  await window.find("button", "New chat");
}

async function say(window, text) {
  await window.fill("Message", text);
  await window.press(ENTER);
}

async function openChat(window, name) {
  await window.click("[role=option] .name", name);
  await window.find("textarea", "Message");
}

after(async () => {
  for (const window of [alice, bob, laptop]) await window.close();
  if (relay) await end(relay);
  rmSync(data, { recursive: true, force: true });
});

test("two people talk, in real windows", async (story) => {
  const step = (name, act) =>
    story.test(name, async () => {
      await act();
    });
  await startRelay();

  await step("the first start asks for a relay", async () => {
    await alice.open();
    await alice.find("input, textarea", "Relay address or invite");
    await alice.picture("01-start");
    await bob.open();
  });

  await step("both sign up", async () => {
    await signUp(alice);
    await alice.picture("02-signed-up");
    await signUp(bob);
  });

  await step("alice finds bob and writes to him", async () => {
    await alice.click("button", "New chat");
    await alice.fill("Name", "bob");
    await alice.picture("03-find");
    await alice.click("[role=option] .name", "bob");
    await alice.find("textarea", "Message");
    await say(alice, "Hello, Bob!");
    await alice.reads("Hello, Bob!");
  });

  await step("it arrives, and bob answers", async () => {
    await openChat(bob, "alice");
    await bob.reads("Hello, Bob!");
    await say(bob, "Hello yourself");
    await alice.reads("Hello, Bob!", "Hello yourself");
    await alice.picture("04-chat");
  });

  await step("the badge says direct", async () => {
    for (const window of [alice, bob]) {
      await eventually(`${window.name}'s badge says direct`, () =>
        window.script("return /direct/i.test(document.querySelector('.badge')?.innerText ?? '')"),
      );
    }
    await alice.picture("05-direct");
  });

  await step("the relay dies and they go on", async () => {
    await end(relay, "SIGKILL");
    await say(alice, "Is the relay gone?");
    await bob.reads("Is the relay gone?");
    await say(bob, "It is, and I still read you");
    await alice.reads("It is, and I still read you");
    await alice.picture("06-without-a-relay");
  });

  await step("everything is there after a restart", async () => {
    await startRelay();
    await alice.stop();
    await alice.start();
    await openChat(alice, "bob");
    await alice.reads("Hello, Bob!", "Hello yourself", "Is the relay gone?", "It is, and I still read you");
    await alice.picture("07-restarted");
  });

  await step("a part of a word finds a message", async () => {
    await alice.fill("Search", "yourse");
    await alice.sees("yourself");
    await alice.picture("08-search");
    await alice.click("button", "Clear the search");
    await alice.find("[role=option] .name", "bob");
  });

  await step("a second device signs in and agrees from then on", async () => {
    await laptop.open();
    await laptop.fill("Relay address or invite", address);
    await laptop.sees("Tea house");
    await laptop.click("button", "I already have an account");
    await laptop.fill("Username or e-mail address", "alice");
    await laptop.fill("Password", PASSWORD);
    await laptop.click("button", "Sign in");
    await laptop.find("button", "New chat");
    await openChat(laptop, "bob");
    await say(bob, "Do both of yours see this?");
    await laptop.reads("Do both of yours see this?");
    await laptop.sees("Relay connected");
    await alice.reads("Do both of yours see this?");
    await say(laptop, "Both do");
    await bob.reads("Do both of yours see this?", "Both do");
    await alice.reads("Do both of yours see this?", "Both do");
    await laptop.picture("09-second-device");
  });

  await step("alice deletes one for herself: it goes from both of hers, and bob keeps it", async () => {
    await alice.script(
      "[...document.querySelectorAll('[data-message]')].find((line) => line.innerText.includes(arguments[0])).focus()",
      "Do both of yours see this?",
    );
    await alice.press(DELETE);
    await alice.sees("The others here keep it");
    await alice.picture("10-delete-for-me");
    await alice.click("dialog button, [role=dialog] button", "Delete for me");
    await alice.reads("It is, and I still read you", "Both do");
    await eventually("it goes from her laptop", async () => JSON.stringify(await laptop.lines()) === JSON.stringify(["Both do"]));
    await bob.reads("Do both of yours see this?", "Both do");
  });

  await step("bob says for how long the two keep what they say", async () => {
    await bob.click("button", "Details of this chat");
    await bob.click("button", "Keep messages");
    await bob.click("dialog label, [role=dialog] label", "30 days");
    await bob.picture("11-keep-messages");
    await bob.click("dialog button, [role=dialog] button", "Save");
    await bob.sees("You keep messages for 30 days now");
    for (const window of [alice, laptop]) await window.sees("bob keeps messages for 30 days now");
    await bob.reads("Do both of yours see this?", "Both do");
    await bob.picture("12-kept");
  });

  await step("alice signs out, and her chats wait for her", async () => {
    await alice.press("\uE009", ",");
    await alice.picture("13-settings");
    await alice.click("button", "Devices");
    await eventually("her laptop is reached directly", () =>
      alice.script("return /Online\\. .+, Parley .+\\d ms/s.test([...document.querySelectorAll('main li')].at(-1)?.innerText ?? '')"),
    );
    await alice.picture("14-devices");
    await alice.click("button", "Profile");
    await alice.click("button", "Sign out");
    await alice.click("dialog button, [role=dialog] button, [role=alertdialog] button", "Sign out");
    await alice.sees("You are signed out");
    await alice.find("input", "Password");
    await alice.picture("15-signed-out");
  });

  await step("the page can do no more than it should", async () => {
    assert.equal(await bob.script("return window.__TAURI__ === undefined"), true, "nothing of Tauri's is in reach by name");
    await bob.script(TRY_OTHERS);
    await eventually("all of it is refused", () =>
      bob.script(`return ["script-src-elem", "connect-src", "plugin"].every((what) => window.refused.includes(what))`),
    );
    assert.equal(await bob.script("return window.gotIn === undefined && location.protocol"), "tauri:", "and it is still our page");
  });
});
