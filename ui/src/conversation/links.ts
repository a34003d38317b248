// Where a link goes, and whether what it shows says something else.

/** Schemes that may be opened outside; the shell checks again. */
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** Characters that turn the direction of what follows, or show as nothing. */
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

/** Nothing that leaves ink: blanks of every kind, and what a font shows as nothing. */
const BLANK = /^[\s\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** Whether there is nothing to be seen of a text. */
export function isBlank(text: string): boolean {
  return BLANK.test(text);
}

/** A text without what hides or turns parts of it: for names, addresses and everything else of one line. Empty if nothing
 * of it can be seen. */
export function plain(text: string): string {
  return isBlank(text) ? "" : text.replace(INVISIBLE, "");
}

/** The address a link really goes to, as a browser reads it; null if it must not be opened. */
export function target(href: string): URL | null {
  let url: URL;
  try {
    url = new URL(href);
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol)) return null;
  if (url.protocol !== "mailto:" && url.hostname === "") return null;
  return url;
}

const BARE_HOST = /(?:^|[\s(<"'@/])((?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+\p{L}{2,})/u;

/** The host a text looks as though it named; null if it looks like no address. */
function hostShown(text: string): string | null {
  const shown = plain(text).trim();
  try {
    const url = new URL(shown);
    if (url.protocol === "mailto:") return url.pathname;
    if (url.hostname !== "") return shown.includes("@") ? null : url.host;
  } catch {
    // Not an address in full; it may still look like one.
  }
  const bare = BARE_HOST.exec(shown)?.[1];
  if (bare === undefined) return null;
  try {
    return new URL(`http://${bare}`).host;
  } catch {
    return bare;
  }
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^www\./, "");
}

/** Whether a link pretends: it shows one address and goes to another, or hides where it goes in a user name. */
export function isForged(shown: string, url: URL): boolean {
  if (url.username !== "" || url.password !== "") return true;
  if (plain(shown) !== shown) return true;
  const host = hostShown(shown);
  if (url.protocol === "mailto:") return host !== null && !mailHosts(url).includes(bare(host));
  if (host === null) return shown.includes("://") || /^\s*mailto:/iu.test(shown);
  // A name in letters of another script shows as what it looks like; what it is, its coded form says.
  if (host.includes("xn--") && !shown.toLowerCase().includes("xn--")) return true;
  return bare(host) !== bare(url.host) && bare(host) !== bare(url.hostname);
}

function mailHosts(url: URL): string[] {
  const address = url.pathname.toLowerCase();
  return [address, bare(address.slice(address.lastIndexOf("@") + 1))];
}

/** An address to show: decoded nowhere, so that nothing in it can turn or hide. */
export function address(url: URL): string {
  if (url.protocol === "mailto:") return plain(url.pathname);
  return url.href;
}
