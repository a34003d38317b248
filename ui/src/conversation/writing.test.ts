// The small rules of writing: names, commands, emoji, what is clipped, where links go.

import { describe, expect, it } from "vitest";
import type { ChatView } from "../backend/types";
import { clip } from "./clip";
import { commandAt, commandIn, commandsFor, unescaped } from "./commands";
import { complete, emote, sendable, shrug, topicAndText } from "./drafting";
import { arrange, findEmoji, loadEmoji, toned } from "./emoji";
import { highlight } from "./highlight";
import { parse, textOf } from "./markdown";
import { candidates, isOnlyEmoji, mentionAt, mentioned, pieces } from "./mentions";
import { monthOf, shifted } from "./calendar";
import { RoundTrip } from "../state/roundtrip";
import { summary } from "./summary";

const people = ["Ben", "Ann.B", "ann", "فاطمة"].map((username, index) => ({ account: String(index), username }));

describe("names", () => {
  it("are begun by an @ that stands at the beginning of a word", () => {
    expect(mentionAt("hello @be", 9)).toEqual({ from: 6, query: "be" });
    expect(mentionAt("@", 1)).toEqual({ from: 0, query: "" });
    expect(mentionAt("ann@be", 6)).toBeNull();
    expect(mentionAt("hello @be there", 14)).toBeNull();
  });

  it("are completed by their beginning first", () => {
    expect(candidates(people, "an").map((person) => person.username)).toEqual(["ann", "Ann.B"]);
    expect(candidates(people, "b").map((person) => person.username)).toEqual(["Ben", "Ann.B"]);
    expect(complete("hi @be!", 6, 3, "@Ben")).toEqual({ text: "hi @Ben !", caret: 8 });
  });

  it("mean somebody in whatever case, the longest one, without what ends the sentence", () => {
    expect(mentioned("@BEN and @ann.b. @ann, @nobody x@ben @فاطمة", people)).toEqual(["0", "1", "2", "3"]);
    expect(pieces("so @Ben.", people).map((piece) => piece.text)).toEqual(["so ", "@Ben", "."]);
  });
});

describe("commands", () => {
  const chat = { kind: "group", role: "member" } as ChatView;

  it("are begun by a slash at the beginning, and only those that fit are offered", () => {
    expect(commandAt("/se", 3)).toBe("se");
    expect(commandAt("a /se", 5)).toBeNull();
    expect(commandsFor(chat, "").map((command) => command.name)).not.toContain("invite");
    expect(commandsFor({ ...chat, role: "admin" }, "i").map((command) => command.name)).toEqual(["invite"]);
  });

  it("leave texts alone that only look like one", () => {
    expect(commandIn("/search tide table", chat)).toMatchObject({ command: { name: "search" }, rest: "tide table" });
    expect(commandIn("/etc/passwd", chat)).toBeNull();
    expect(commandIn("/leave me alone", chat)).toBeNull();
    expect(unescaped("//me")).toBe("/me");
    expect(topicAndText("tram-9 Ends here")).toEqual({ topic: "tram-9", data: "Ends here" });
    expect(topicAndText("tram-9")).toBeNull();
  });

  it("say what they promise, once Markdown has been read", () => {
    const said = (text: string) =>
      parse(text)
        .map((block) => (block.kind === "paragraph" ? textOf(block.children) : ""))
        .join();
    expect(said(shrug(""))).toBe("¯\\_(ツ)_/¯");
    expect(said(emote("Noor", "waves *both* hands"))).toBe("Noor waves *both* hands");
  });
});

it("sends what was written without empty lines around it", () => {
  expect(sendable("\n \n  code\n\n")).toBe("  code");
  expect(sendable(" \n ")).toBe("");
});

it("finds emoji by label first, then by other words, and gives them a tone", () => {
  const all = arrange([
    { unicode: "🦱", label: "hair", group: 2, order: 1 },
    {
      unicode: "👋",
      label: "waving hand",
      tags: ["hello"],
      group: 1,
      order: 3,
      skins: [{ unicode: "👋🏻" }, { unicode: "👋🏼" }],
    },
    { unicode: "🌊", label: "wave", tags: ["sea"], group: 5, order: 2 },
  ]);
  expect(all.map((one) => one.emoji)).toEqual(["🌊", "👋"]);
  expect(findEmoji(all, "wav").map((one) => one.emoji)).toEqual(["🌊", "👋"]);
  expect(findEmoji(all, "hel").map((one) => one.emoji)).toEqual(["👋"]);
  expect(findEmoji(all, "zebra")).toEqual([]);
  expect(toned(all[1]!, 2)).toBe("👋🏼");
  expect(toned(all[0]!, 2)).toBe("🌊");
});

it("finds emoji by Arabic words in Arabic, by English ones too, and whatever the hamza", async () => {
  const all = await loadEmoji("ar");
  const found = (query: string) => findEmoji(all, query).map((one) => one.emoji);
  expect(found("قارب شراعي")[0]).toBe("⛵️");
  expect(found("المانيا")).toContain("🇩🇪");
  expect(found("طبيب")).toContain("👨‍⚕️");
  expect(found("sailboat")).toContain("⛵️");
  expect(all.filter((one) => !/\p{Script=Arabic}/u.test(one.label)).map((one) => one.emoji)).toEqual([]);
});

it("shows few emoji large, and nothing else", () => {
  const large = (text: string) => isOnlyEmoji([{ kind: "text", text }]);
  expect(["🚲🔧", "❤️", "👨‍👩‍👧 🇩🇪", "👋🏽"].map(large)).toEqual([true, true, true, true]);
  expect(["ok 👍", "123", "#", "👍".repeat(7), ""].map(large)).toEqual([false, false, false, false, false]);
});

it("clips at forty lines, broken ones counted, and never within a character", () => {
  expect(clip("short")).toBeNull();
  expect(clip(Array.from({ length: 41 }, () => "x").join("\n"))?.split("\n")).toHaveLength(41);
  const cut = clip("🚲".repeat(5_000));
  expect(cut).not.toBeNull();
  expect([...cut!].every((character) => character === "🚲")).toBe(true);
});

it("marks the words that were searched, whatever they are made of", () => {
  expect(
    highlight("Low (water) is low", ["low", "("])
      .filter((part) => part.hit)
      .map((part) => part.text),
  ).toEqual(["Low", "(", "low"]);
  expect(highlight("x", [])).toEqual([{ text: "x", hit: false }]);
});

it("sums a message up in one line", () => {
  expect(summary("**Hi**\n> so `x`\n```sh\nls\n```")).toBe("Hi so x ls");
  expect(summary("a‮b")).toBe("ab");
});

it("shows the median round trip, and a new one only when it is a fifth away and two seconds later", () => {
  const trip = new RoundTrip();
  expect(trip.take(null, 0)).toBeNull();
  expect(trip.take(20_000, 0)).toBe(20_000);
  expect(trip.take(90_000, 1_000)).toBe(20_000);
  expect(trip.take(22_000, 3_000)).toBe(20_000);
  expect(trip.take(90_000, 5_000)).toBe(56_000);
  expect(trip.take(null, 6_000)).toBeNull();
  expect(trip.take(30_000, 6_100)).toBe(30_000);
});

it("lays months out by the week's first day, and walks over their ends", () => {
  const day = new Date(2025, 10, 20).getTime();
  const monday = monthOf(day, 1);
  expect(monday.every((week) => week.length === 7 && new Date(week[0]!).getDay() === 1)).toBe(true);
  expect(new Date(monthOf(day, 7)[0]![0]!).getDay()).toBe(0);
  expect(new Date(shifted(new Date(2025, 0, 31).getTime(), 0, 1)).getDate()).toBe(28);
  expect(new Date(shifted(new Date(2025, 9, 26).getTime(), 1, 0)).getDate()).toBe(27);
});
