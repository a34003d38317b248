import { describe, expect, it } from "vitest";
import { linksOf, parse, textOf, type Block, type Inline } from "./markdown";

/** A short way of writing a tree down. */
function shape(tree: Block[]): string {
  const inline = (children: Inline[]): string =>
    children
      .map((child) => {
        switch (child.kind) {
          case "text":
            return child.text;
          case "break":
            return "⏎";
          case "code":
            return `\`${child.text}\``;
          case "link":
            return `${child.forged ? "!" : ""}<${child.href}|${inline(child.children)}>`;
          default:
            return `${child.kind}(${inline(child.children)})`;
        }
      })
      .join("");
  return tree
    .map((block) => {
      switch (block.kind) {
        case "paragraph":
          return inline(block.children);
        case "code":
          return `{${block.text}}`;
        case "quote":
          return `q[${shape(block.children)}]`;
        case "list":
          return `l${block.start === null ? "" : String(block.start)}[${block.items.map(shape).join("; ")}]`;
      }
    })
    .join(" / ");
}

const written = (text: string): string => shape(parse(text));

describe("what messages may have", () => {
  it.each([
    ["plain words", "plain words"],
    ["**bold** *italic* ~~gone~~", "strong(bold) em(italic) del(gone)"],
    ["a `code <b>` b", "a `code <b>` b"],
    ["one\ntwo", "one⏎two"],
    ["one\n\ntwo", "one / two"],
    ["```sh\nparley send\n```", "{parley send}"],
    ["> said\n> so", "q[said⏎so]"],
    ["- a\n- b", "l[a; b]"],
    ["3. a\n4. b", "l3[a; b]"],
    ["[tides](https://tides.example.org/)", "<https://tides.example.org/|tides>"],
    ["see https://a.example/x.", "see <https://a.example/x|https://a.example/x>."],
    ["https://a.example/x، ثم", "<https://a.example/x|https://a.example/x>، ثم"],
    ["https://a.example/x_(y)", "<https://a.example/x_(y)|https://a.example/x_(y)>"],
    ["“https://a.example/x”", "“<https://a.example/x|https://a.example/x>”"],
    ["www.a.example", "<http://www.a.example/|www.a.example>"],
    ["<https://a.example/>", "<https://a.example/|https://a.example/>"],
    ["ann@a.example", "<mailto:ann@a.example|ann@a.example>"],
    ["R&D &amp; <3", "R&D &amp; <3"],
    ["https://a.example/?a=1&b=2", "<https://a.example/?a=1&b=2|https://a.example/?a=1&b=2>"],
  ])("%j", (text, expected) => {
    expect(written(text)).toBe(expected);
  });
});

describe("addresses without a scheme are links, names of files are not", () => {
  it.each([
    [
      "see tides.example.org/november_2, low",
      "see <http://tides.example.org/november_2|tides.example.org/november_2>, low",
    ],
    ["example.com.", "<http://example.com/|example.com>."],
    ["مرحبا example.org؟", "مرحبا <http://example.org/|example.org>؟"],
    [
      "**the.harbour.de** or harbour.md/notes",
      "strong(<http://the.harbour.de/|the.harbour.de>) or <http://harbour.md/notes|harbour.md/notes>",
    ],
    ["https://a.example/x and a.net", "<https://a.example/x|https://a.example/x> and <http://a.net/|a.net>"],
    [
      "main.rs, app.test.py, notes.md, node.js, user.name, e.g. this, 1.2.3, 10.0.0.1/x, file.py:10",
      "main.rs, app.test.py, notes.md, node.js, user.name, e.g. this, 1.2.3, 10.0.0.1/x, file.py:10",
    ],
    ["`example.com`", "`example.com`"],
    ["[example.com](https://example.com/)", "<https://example.com/|example.com>"],
    ["[go to example.com now](https://example.com/)", "<https://example.com/|go to example.com now>"],
    ["аpple.com", "!<http://xn--pple-43d.com/|http://xn--pple-43d.com/>"],
    ["bank.com@evil.com", "!<mailto:bank.com@evil.com|bank.com@evil.com>"],
  ])("%j", (text, expected) => {
    expect(written(text)).toBe(expected);
  });
});

describe("what is only text", () => {
  it.each([
    "# no heading",
    "no heading\n===",
    "---",
    "    not code",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<b>bold</b>",
    "| a | b |\n| - | - |\n| 1 | 2 |",
    "[a]: #b",
    "![picture](https://a.example/p.png)",
    "[go](javascript:alert(1))",
    "[go](data:text/html;base64,AAAA)",
    "[go](vbscript:x)",
    "[go](file:///etc/passwd)",
    "[go](/relative)",
  ])("%j", (text) => {
    const tree = parse(text);
    expect(linksOf(tree)).toEqual([]);
    expect(tree.every((block) => block.kind === "paragraph")).toBe(true);
    const said = tree.map((block) => (block.kind === "paragraph" ? textOf(block.children) : "")).join("\n");
    expect(said.replace(/\s/gu, "")).toBe(text.replace(/\s/gu, ""));
  });
});

describe("links that pretend show where they go", () => {
  it.each([
    ["[https://bank.example](https://evil.example/)", "!<https://evil.example/|https://evil.example/>"],
    ["[bank.example](https://evil.example/)", "!<https://evil.example/|https://evil.example/>"],
    ["[see bank.example now](https://evil.example/)", "!<https://evil.example/|https://evil.example/>"],
    ["https://bank.example@evil.example/", "!<https://bank.example@evil.example/|https://bank.example@evil.example/>"],
    ["[ann@a.example](mailto:eve@b.example)", "!<mailto:eve@b.example|eve@b.example>"],
    ["[‮elpmaxe.knab](https://evil.example/)", "!<https://evil.example/|https://evil.example/>"],
    ["[​](https://evil.example/)", "!<https://evil.example/|https://evil.example/>"],
    [
      "[https://аpple.example/](https://аpple.example/)",
      "!<https://xn--pple-43d.example/|https://xn--pple-43d.example/>",
    ],
  ])("%j", (text, expected) => {
    expect(written(text)).toBe(expected);
  });

  it.each([
    "[https://www.bank.example/login](https://bank.example/login)",
    "[bank.example](https://bank.example/)",
    "[the bank](https://bank.example/)",
    "[e.g. this one](https://bank.example/)",
    "[ann@a.example](mailto:ann@a.example)",
    "[version 1.2.3](https://bank.example/)",
  ])("and honest ones don't: %j", (text) => {
    expect(written(text).startsWith("!")).toBe(false);
  });
});

it("neither overflows nor loses text on hostile nesting", () => {
  for (const mark of [">", "> ", "- ", "* a\n", "[", "**a ", "_a", "*", "`", "~~a "]) {
    for (const length of [7_900, 64_000]) {
      const text = mark.repeat(Math.floor(length / mark.length));
      expect(() => parse(text)).not.toThrow();
    }
  }
});

it("shows what is too long for Markdown as it was written", () => {
  const text = `**${"x".repeat(9_000)}**\nend`;
  expect(written(text)).toBe(text.replace("\n", "⏎"));
});
