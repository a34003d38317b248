import { expect, it } from "vitest";
import { ListWindow } from "./listwindow.svelte";

const VIEWPORT = 600;
const HEIGHT = 50;
const keysFrom = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `d/${String(from + at)}`);

/** A list in a document that does no layout: its rows stand as high as they are said to. */
class Paper {
  keys = $state.raw<string[]>([]);
  atEnd = $state(true);
  taller = new Map<string, number>();
  window = new ListWindow(
    () => this.keys,
    () => this.atEnd,
  );
  #element = document.createElement("div");
  #top = 0;

  constructor(keys: string[]) {
    this.keys = keys;
    Object.defineProperty(this.#element, "scrollHeight", { get: () => this.#height });
    Object.defineProperty(this.#element, "clientHeight", { get: () => VIEWPORT });
    Object.defineProperty(this.#element, "scrollTop", {
      get: () => this.#top,
      set: (top: number) => (this.#top = Math.max(0, Math.min(top, this.#height - VIEWPORT))),
    });
    this.window.attach(this.#element);
    this.window.viewport = VIEWPORT;
  }

  get #height(): number {
    return this.window.laid.tops.at(-1) ?? 0;
  }

  /** What a frame does: the rows that are wanted stand there, and are measured until nothing moves. */
  settle(): void {
    do {
      const { from, to } = this.window.laid;
      this.#element.replaceChildren(
        ...this.keys.slice(from, to).map((key) => {
          const row = document.createElement("div");
          row.dataset.row = key;
          row.getBoundingClientRect = () => ({ height: this.taller.get(key) ?? HEIGHT }) as DOMRect;
          return row;
        }),
      );
    } while (!this.window.settle());
  }

  scrollTo(top: number): boolean {
    this.#element.scrollTop = top;
    const byHand = this.window.scrolled();
    this.settle();
    return byHand;
  }

  /** How far below the top edge a row stands. */
  at(key: string): number {
    return this.window.laid.tops[this.keys.indexOf(key)]! - this.window.top;
  }

  get standing(): number {
    return this.#element.childElementCount;
  }
}

it("stands at the end, and stays there when something comes", () => {
  const paper = new Paper(keysFrom(0, 400));
  paper.settle();
  expect(paper.window.below).toBe(0);
  expect(paper.standing).toBeLessThan(60);
  paper.keys = keysFrom(0, 401);
  paper.settle();
  expect(paper.window.below).toBe(0);
  expect(paper.scrollTo(paper.window.top)).toBe(false);
});

it("moves nothing in sight when older rows come in front and turn out taller than guessed", () => {
  const paper = new Paper(keysFrom(80, 400));
  paper.settle();
  expect(paper.scrollTo(1_010)).toBe(true);
  const before = paper.at("d/101");
  for (const key of keysFrom(0, 100)) paper.taller.set(key, 120);
  paper.keys = keysFrom(0, 400);
  paper.settle();
  expect(paper.at("d/101")).toBe(before);
});

it("holds on to a row while the end of what is held is not the end", () => {
  const paper = new Paper(keysFrom(0, 100));
  paper.settle();
  paper.atEnd = false;
  paper.scrollTo(1_000);
  paper.scrollTo(1e9);
  const before = paper.at("d/99");
  paper.keys = keysFrom(0, 180);
  paper.settle();
  expect(paper.at("d/99")).toBe(before);
});

it("stands at the end where a row was asked for higher up than the end allows, and follows what comes", () => {
  const paper = new Paper(keysFrom(0, 80));
  paper.atEnd = false;
  // Taller than guessed: with every row measured, the end is elsewhere.
  for (const key of keysFrom(60, 80)) paper.taller.set(key, 83);
  paper.window.put("d/77", 200);
  paper.settle();
  expect(paper.window.below).toBe(0);
  paper.taller.set("d/79", 120);
  paper.keys = keysFrom(0, 81);
  paper.settle();
  expect(paper.window.below).toBe(0);
  paper.atEnd = true;
  paper.settle();
  paper.keys = keysFrom(0, 90);
  paper.settle();
  expect(paper.window.below).toBe(0);
});

it("keeps a row asked for where it was asked for as soon as there is enough behind it", () => {
  const paper = new Paper(keysFrom(0, 80));
  paper.atEnd = false;
  paper.window.put("d/78", 150);
  paper.settle();
  expect(paper.window.below).toBe(0);
  paper.keys = keysFrom(0, 120);
  paper.settle();
  expect(paper.at("d/78")).toBe(150);
});

it("follows a hand that goes to the very top at once", () => {
  const paper = new Paper(keysFrom(0, 400));
  paper.settle();
  paper.scrollTo(1_000);
  expect(paper.scrollTo(0)).toBe(true);
  expect(paper.window.laid.from).toBe(0);
});

it("puts a row where it is asked to, and scrolls as little as shows one", () => {
  const paper = new Paper(keysFrom(0, 400));
  paper.settle();
  paper.window.put("d/200", 100);
  paper.settle();
  expect(paper.at("d/200")).toBe(100);
  paper.window.reveal("d/203");
  paper.settle();
  expect(paper.at("d/200")).toBe(100);
  paper.window.reveal("d/215");
  paper.settle();
  expect(paper.at("d/215")).toBe(VIEWPORT - HEIGHT - 12);
  paper.window.reveal("d/190");
  paper.settle();
  expect(paper.at("d/190")).toBe(40);
});

it("knows the last row that is wholly in sight", () => {
  const paper = new Paper(keysFrom(0, 400));
  paper.settle();
  paper.scrollTo(1_000);
  expect(paper.window.first).toBe(20);
  expect(paper.window.lastSeen(() => true)).toBe(31);
  expect(paper.window.lastSeen((index) => index % 5 === 0)).toBe(30);
  expect(paper.window.lastSeen((index) => index > 100)).toBe(-1);
});

it("moves nothing that is left in sight when rows go, the topmost in sight among them", () => {
  const paper = new Paper(keysFrom(0, 400));
  paper.settle();
  paper.scrollTo(10_010);
  const stood = paper.at("d/205");
  paper.keys = [...keysFrom(0, 150), ...keysFrom(203, 400)];
  paper.settle();
  expect(paper.at("d/205")).toBe(stood);
});
