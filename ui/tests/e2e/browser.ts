// A browser for the flows: one for a file, a fresh page for a test. Every page fails its test when the policy, the console
// or a script complains.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { expect, inject } from "vitest";
import type { Verbs } from "../../src/backend/fake/verbs";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Options {
  width?: number;
  height?: number;
  scale?: number;
  theme?: "light" | "dark";
  lang?: string;
  /** The size of text, 1 as usual. */
  text?: number;
  /** Lets time pass and people act. */
  lively?: boolean;
  forcedColors?: boolean;
}

export class Screen {
  readonly page: Page;
  /** What went wrong on the page by itself. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  /** Calls a verb of the fake world. */
  async world<Name extends Exclude<keyof Verbs, "world">>(name: Name, ...args: Parameters<Verbs[Name]>): Promise<void> {
    await this.page.evaluate(
      ({ name, args }) => {
        const verb = window.parley?.[name as "lag"] as ((...args: unknown[]) => void) | undefined;
        verb?.(...args);
      },
      { name, args: args as unknown[] },
    );
  }

  /** Fails if axe finds anything. */
  async isAccessible(): Promise<void> {
    const { violations } = await new AxeBuilder({ page: this.page }).analyze();
    const found = violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
    );
    expect(found).toEqual([]);
  }

  async focused(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      return element?.getAttribute("aria-label") ?? element?.textContent?.trim().slice(0, 60) ?? "";
    });
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }
}

export class Chromium {
  #context: BrowserContext;
  #profile: string;
  #address: string;

  private constructor(context: BrowserContext, profile: string, address: string) {
    this.#context = context;
    this.#profile = profile;
    this.#address = address;
  }

  static async launch(options: Options = {}, address: string = inject("address")): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), "parley-screen-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: FLAGS,
      viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
      deviceScaleFactor: options.scale ?? 1.5,
      colorScheme: options.theme ?? "light",
      ...(options.forcedColors && { forcedColors: "active" as const }),
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
    });
    context.setDefaultTimeout(20_000);
    return new Chromium(context, profile, address);
  }

  /** Opens a scene in a fresh page, once its chats are there. */
  async open(scene: string, options: Options = {}): Promise<Screen> {
    const page = await this.#context.newPage();
    const screen = new Screen(page);
    if (options.width) await page.setViewportSize({ width: options.width, height: options.height ?? 800 });
    if (options.text) {
      await page.addInitScript((size) => {
        addEventListener("DOMContentLoaded", () => (document.documentElement.style.fontSize = `${size * 100}%`));
      }, options.text);
    }
    const query = new URLSearchParams({ scene, theme: options.theme ?? "light" });
    if (!options.lively) query.set("still", "");
    if (options.lang) query.set("lang", options.lang);
    await page.goto(`${this.#address}/?${query}`);
    await page.waitForSelector("html[data-theme] #app > *");
    await page.evaluate(() => document.fonts.ready);
    return screen;
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}
