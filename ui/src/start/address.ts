// What a person types or pastes to reach a relay: its address, an invite link, or a code alone.
//
// Pure. The engine has the last word on addresses; what is refused here is what it would refuse, said sooner and in place.

/** Chat invites as relays draw them: 18 bytes in base64url. */
const CHAT_CODE = /^[A-Za-z0-9_-]{24}$/;
/** Codes with which an operator lets somebody make an account: a UUID without hyphens. */
const ACCOUNT_CODE = /^[0-9a-f]{32}$/i;
/** What could be a code of a relay that draws longer or shorter ones. */
const ANY_CODE = /^[A-Za-z0-9_-]{12,128}$/;
/** What copying brings along and nobody sees: zero-width characters, direction marks, a byte order mark. */
const UNSEEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** `account` codes let somebody make an account; `chat` codes let somebody into a chat. */
export type CodeKind = "account" | "chat";

export type Entry =
  | { kind: "empty" }
  /** A relay, with a scheme and without a path. */
  | { kind: "relay"; relay: string }
  | { kind: "invite"; relay: string; code: string }
  | { kind: "code"; code: string }
  | { kind: "wrong"; why: "address" | "scheme" | "path" | "link" };

/** Reads what stands in the relay's field. */
export function readEntry(text: string): Entry {
  const typed = text.replace(UNSEEN, "").trim();
  if (typed === "") return { kind: "empty" };
  // A link is often pasted with the sentence around it.
  const link = /parley:\S+/i.exec(typed)?.[0];
  if (link) return readLink(link);
  if (CHAT_CODE.test(typed) || ACCOUNT_CODE.test(typed)) return { kind: "code", code: typed };
  return readAddress(typed);
}

function readLink(link: string): Entry {
  const parts = /^parley:\/\/join\/([^?#]+)$/i.exec(link)?.[1]?.replace(/\/$/, "").split("/") ?? [];
  const code = parts.at(-1);
  if (!code || !ANY_CODE.test(code)) return { kind: "wrong", why: "link" };
  if (parts.length === 1) return { kind: "code", code };
  const host = parts.length === 2 ? decode(parts[0]) : undefined;
  const relay = host && readAddress(host);
  return relay && relay.kind === "relay"
    ? { kind: "invite", relay: relay.relay, code }
    : { kind: "wrong", why: "link" };
}

function decode(part: string | undefined): string | undefined {
  try {
    return part && decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function readAddress(typed: string): Entry {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(typed)?.[1]?.toLowerCase();
  if (scheme && scheme !== "http" && scheme !== "https") return { kind: "wrong", why: "scheme" };
  if (/\s/.test(typed)) return { kind: "wrong", why: "address" };
  const url = parse(scheme ? typed : `https://${typed}`);
  if (!url || !hostFits(url.hostname) || url.username || url.password || url.search || url.hash) {
    return { kind: "wrong", why: "address" };
  }
  // Nobody can listen in on the way to this machine itself, and a relay started here speaks no TLS.
  const origin = !scheme && isThisMachine(url.hostname) ? url.origin.replace(/^https:/, "http:") : url.origin;
  const last = url.pathname.replace(/\/$/, "").split("/").at(-1);
  if (!last) return { kind: "relay", relay: origin };
  return ANY_CODE.test(last) ? { kind: "invite", relay: origin, code: last } : { kind: "wrong", why: "path" };
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

function hostFits(host: string): boolean {
  return host.startsWith("[") || (host.length <= 253 && /^[^.]+(\.[^.]+)*\.?$/.test(host));
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether others on the way could read what goes to this relay. */
export function isUnprotected(relay: string): boolean {
  const url = parse(relay);
  return url?.protocol === "http:" && !isThisMachine(url.hostname);
}

/** How a relay is named in a sentence: its host, and its port if it is an unusual one. */
export function hostOf(relay: string): string {
  return parse(relay)?.host ?? relay;
}

/** The code that somebody was sent, in a link or alone; null if that is neither. */
export function codeIn(text: string): string | null {
  const entry = readEntry(text);
  if (entry.kind === "invite" || entry.kind === "code") return entry.code;
  const typed = text.replace(UNSEEN, "").trim();
  return ANY_CODE.test(typed) ? typed : null;
}

/** What a code is for, told by how it was drawn. */
export function kindOfCode(code: string): CodeKind {
  return ACCOUNT_CODE.test(code) ? "account" : "chat";
}

/** The link that invites to a chat. */
export function inviteLink(relay: string, code: string): string {
  const place = relay.startsWith("https://") ? relay.slice("https://".length) : encodeURIComponent(relay);
  return `parley://join/${place}/${code}`;
}
