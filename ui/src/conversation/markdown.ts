// The Markdown that messages may have: bold, italic, struck out, code, code blocks, quotes, lists, links. Everything else,
// HTML above all, is text. A tree comes out, never markup; `RichText.svelte` shows it.
//
// The lexer's time can grow with the square of a hostile text, and its depth with its nesting, so both are bounded here.

import { LinkifyIt, type Match } from "linkify-it";
import { Lexer, Tokenizer, type Token, type Tokens } from "marked";
import { address, isForged, plain, target } from "./links";

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "code"; text: string }
  | { kind: "strong" | "em" | "del"; children: Inline[] }
  /** `forged` links show their real address instead of what they claim. */
  | { kind: "link"; href: string; forged: boolean; children: Inline[] };

export type Block =
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "quote"; children: Block[] }
  | { kind: "list"; start: number | null; items: Block[][] };

/** Longer texts are shown as they were written. */
export const MARKDOWN_CHARS = 8_000;
/** Deeper quotes and lists are shown as they were written. */
const DEPTH = 6;
/** More of these than this in one text is no prose. */
const MARKS = 2_000;

/** Characters that are no text; line breaks and tabs are. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/gu;

class Subset extends Tokenizer {
  #depth = 0;

  override heading(): undefined {}
  override lheading(): undefined {}
  override hr(): undefined {}
  override table(): undefined {}
  override html(): undefined {}
  override def(): undefined {}
  override code(): undefined {}
  override tag(): undefined {}
  override reflink(): undefined {}

  override blockquote(src: string): Tokens.Blockquote | undefined {
    return this.#nest(() => super.blockquote(src));
  }

  override list(src: string): Tokens.List | undefined {
    return this.#nest(() => super.list(src));
  }

  #nest<Found>(find: () => Found | undefined): Found | undefined {
    if (this.#depth >= DEPTH) return undefined;
    this.#depth += 1;
    try {
      return find();
    } finally {
      this.#depth -= 1;
    }
  }
}

/** The tree of a message's text. */
export function parse(written: string): Block[] {
  const text = written.replace(CONTROLS, "");
  if (text.length > MARKDOWN_CHARS || isMostlyMarks(text)) return [asWritten(text)];
  const lexer = new Lexer({ gfm: true, breaks: true, tokenizer: new Subset() });
  return blocks(lexer.lex(text), 0);
}

function isMostlyMarks(text: string): boolean {
  const marks = text.match(/[*_~`[\]<>\\]/gu)?.length ?? 0;
  return marks > MARKS;
}

function asWritten(text: string): Block {
  const children: Inline[] = [];
  text.split(/\r\n|\r|\n/u).forEach((line, index) => {
    if (index > 0) children.push({ kind: "break" });
    if (line !== "") children.push({ kind: "text", text: line });
  });
  return { kind: "paragraph", children };
}

function blocks(tokens: Token[], depth: number): Block[] {
  const found: Block[] = [];
  // Loose text in a list item or between blocks is a paragraph as well.
  let loose: Inline[] = [];
  const close = () => {
    if (loose.length > 0) found.push({ kind: "paragraph", children: loose });
    loose = [];
  };
  for (const token of tokens) {
    const block = blockOf(token, depth);
    if (block === null) {
      if (token.type !== "space") loose.push(...inlines([token]));
      continue;
    }
    close();
    found.push(block);
  }
  close();
  return found;
}

function blockOf(token: Token, depth: number): Block | null {
  switch (token.type) {
    case "paragraph":
      return { kind: "paragraph", children: inlines(token.tokens ?? []) };
    case "code":
      return { kind: "code", text: (token as Tokens.Code).text };
    case "blockquote":
      if (depth >= DEPTH) return asWritten(token.raw);
      return { kind: "quote", children: blocks(token.tokens ?? [], depth + 1) };
    case "list": {
      const list = token as Tokens.List;
      if (depth >= DEPTH) return asWritten(list.raw);
      const start = list.ordered && typeof list.start === "number" ? list.start : list.ordered ? 1 : null;
      return { kind: "list", start, items: list.items.map((item) => blocks(item.tokens, depth + 1)) };
    }
    default:
      return null;
  }
}

/** What stands in a link already has none of its own. */
function inlines(tokens: Token[], linked = false): Inline[] {
  const found: Inline[] = [];
  for (const token of tokens) {
    for (const inline of inlineOf(token, linked)) {
      const before = found.at(-1);
      if (inline.kind === "text" && before?.kind === "text") before.text += inline.text;
      else found.push(inline);
    }
  }
  return linked ? found : found.flatMap((inline) => (inline.kind === "text" ? withHosts(inline.text) : [inline]));
}

/** Without a dot within a word there is no host in a text; most have none, and finding out otherwise takes its time. */
const MAYBE_HOST = /[\p{L}\d]\.\p{L}/u;
let hosts: LinkifyIt | null = null;

/** A text in which addresses are links though no scheme stands before them. */
function withHosts(text: string): Inline[] {
  if (!MAYBE_HOST.test(text)) return [{ kind: "text", text }];
  hosts ??= new LinkifyIt({ fuzzyLink: true, fuzzyEmail: false });
  const found: Inline[] = [];
  let at = 0;
  for (const match of hosts.match(text) ?? []) {
    if (!isHost(match)) continue;
    if (match.index > at) found.push({ kind: "text", text: text.slice(at, match.index) });
    found.push(...bareLink(match.text, match.url));
    at = match.lastIndex;
  }
  if (at < text.length) found.push({ kind: "text", text: text.slice(at) });
  return found;
}

/** Countries whose ending files have as well. */
const FILES = new Set(["md", "rs", "py", "sh", "pl", "so", "cc", "ps"]);

/** What has a dot is seldom an address: `user.name` and `notes.md` are none, `harbour.md/notes` and `the.harbour.de` are. */
function isHost({ schema, text }: Match): boolean {
  const host = /^[^/?#:]*/u.exec(text)?.[0] ?? "";
  if (schema !== "") return false;
  if (text.startsWith(`${host}/`)) return true;
  const labels = host.toLowerCase().split(".");
  const end = labels.at(-1)!;
  const isLoose = end.length === 2 || end === "name" || end === "info";
  return !FILES.has(end) && (labels.length > 2 || !isLoose);
}

function inlineOf(token: Token, linked: boolean): Inline[] {
  switch (token.type) {
    case "text":
      return "tokens" in token && token.tokens
        ? inlines(token.tokens, linked)
        : [{ kind: "text", text: (token as Tokens.Text).text }];
    case "escape":
      return [{ kind: "text", text: (token as Tokens.Escape).text }];
    case "br":
      return [{ kind: "break" }];
    case "codespan":
      return [{ kind: "code", text: (token as Tokens.Codespan).text }];
    case "strong":
    case "em":
    case "del":
      return [{ kind: token.type, children: inlines(token.tokens ?? [], linked) }];
    case "link":
      return linkOf(token as Tokens.Link);
    case "checkbox":
      return [{ kind: "text", text: (token as { checked?: boolean }).checked ? "☑ " : "☐ " }];
    default:
      return [{ kind: "text", text: token.raw }];
  }
}

/** What ends a sentence in scripts whose marks the lexer doesn't know, or closes a quotation. */
const CLOSING = /[،؛؟。，、！？；：…»«“”‘’)\]}>]+$/u;

function linkOf(token: Tokens.Link): Inline[] {
  if (!token.raw.startsWith("[")) return bareLink(token.raw, token.href);
  const url = target(token.href);
  if (url === null) return [{ kind: "text", text: token.raw }];
  const children = inlines(token.tokens, true);
  const shown = textOf(children);
  const forged = isForged(shown, url) || plain(shown).trim() === "";
  return [forged ? shownAsIs(url) : { kind: "link", href: url.href, forged, children }];
}

/** An address that stands in the text; the lexer escapes what it takes for one, so what was written is shown. */
function bareLink(raw: string, href: string): Inline[] {
  const bracketed = raw.startsWith("<") && raw.endsWith(">");
  const written = bracketed ? raw.slice(1, -1) : raw;
  const tail = bracketed ? "" : (CLOSING.exec(written)?.[0] ?? "");
  // A closing bracket that was opened within the address is part of it.
  const keeps = tail.startsWith(")") && written.includes("(");
  const shown = keeps || tail === "" ? written : written.slice(0, -tail.length);
  const url = target(keeps || tail === "" ? href : href.slice(0, href.length - encodedLength(href, tail)));
  if (url === null) return [{ kind: "text", text: raw }];
  const forged = isForged(shown, url);
  const link: Inline = forged
    ? shownAsIs(url)
    : { kind: "link", href: url.href, forged, children: [{ kind: "text", text: shown }] };
  return shown === written ? [link] : [link, { kind: "text", text: tail }];
}

/** How much of an address a tail takes, written out or percent-encoded. */
function encodedLength(href: string, tail: string): number {
  return href.endsWith(tail) ? tail.length : encodeURI(tail).length;
}

function shownAsIs(url: URL): Inline {
  return { kind: "link", href: url.href, forged: true, children: [{ kind: "text", text: address(url) }] };
}

/** What a tree says, without its marks. */
export function textOf(children: readonly Inline[]): string {
  return children
    .map((child) => {
      if (child.kind === "break") return "\n";
      return "children" in child ? textOf(child.children) : child.text;
    })
    .join("");
}

/** The addresses in a tree, in order, without repeats, and whether one pretends to be another. */
export function linksOf(tree: readonly Block[]): { href: string; forged: boolean }[] {
  const found = new Map<string, boolean>();
  const inline = (children: readonly Inline[]): void => {
    for (const child of children) {
      if (child.kind === "link") found.set(child.href, child.forged || (found.get(child.href) ?? false));
      if ("children" in child) inline(child.children);
    }
  };
  const block = (children: readonly Block[]): void => {
    for (const child of children) {
      if (child.kind === "paragraph") inline(child.children);
      if (child.kind === "quote") block(child.children);
      if (child.kind === "list") child.items.forEach(block);
    }
  };
  block(tree);
  return [...found].map(([href, forged]) => ({ href, forged }));
}
