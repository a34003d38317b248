import { describe, expect, it } from "vitest";
import { codeIn, hostOf, inviteLink, isUnprotected, kindOfCode, readEntry } from "./address";

const chat = "dGhpcyBpcyBhIGNvZGUgb2Yg";
const account = "0f8fad5bd9cb469fa16570867728950e";

describe("the relay's field", () => {
  it.each([
    ["relay.harbour.example", "https://relay.harbour.example"],
    ["  Relay.Harbour.Example/  ", "https://relay.harbour.example"],
    ["https://relay.harbour.example:8443/", "https://relay.harbour.example:8443"],
    ["http://192.168.1.4:3030", "http://192.168.1.4:3030"],
    ["müller.example", "https://xn--mller-kva.example"],
    ["[2001:db8::1]:3030", "https://[2001:db8::1]:3030"],
    ["\u200erelay.harbour.example\u202c", "https://relay.harbour.example"],
  ])("takes the address %j", (typed, relay) => {
    expect(readEntry(typed)).toEqual({ kind: "relay", relay });
  });

  it.each(["localhost:3030", "127.0.0.1:3030", "[::1]:3030"])("asks this machine itself without TLS: %s", (typed) => {
    expect(readEntry(typed)).toEqual({ kind: "relay", relay: `http://${typed}` });
  });

  it("keeps to https on this machine when somebody says so", () => {
    expect(readEntry("https://localhost:3030")).toEqual({ kind: "relay", relay: "https://localhost:3030" });
  });

  it("is empty when only white space stands in it", () => {
    expect(readEntry(" \u200b ")).toEqual({ kind: "empty" });
  });

  it.each([
    ["wss://relay.harbour.example", "scheme"],
    ["mailto://somebody", "scheme"],
    ["relay harbour", "address"],
    ["https://noor:secret@relay.harbour.example", "address"],
    ["relay.harbour.example?x=1", "address"],
    ["a..b", "address"],
    ["https://", "address"],
    ["relay.harbour.example/chat", "path"],
    ["parley://open/relay.harbour.example/" + chat, "link"],
    ["parley://join/relay.harbour.example/", "link"],
    ["parley://join/a/b/" + chat, "link"],
    ["parley://join/%E0%A4%A/" + chat, "link"],
    ["parley://join/ftp%3A%2F%2Fx/" + chat, "link"],
  ])("refuses %j as a wrong %s", (typed, why) => {
    expect(readEntry(typed)).toEqual({ kind: "wrong", why });
  });
});

describe("invites", () => {
  const invite = { kind: "invite", relay: "https://relay.harbour.example", code: chat };

  it.each([
    `parley://join/relay.harbour.example/${chat}`,
    `PARLEY://join/relay.harbour.example/${chat}/`,
    `https://relay.harbour.example/${chat}`,
    `https://relay.harbour.example/invite/${chat}/`,
    `Come and join us: parley://join/relay.harbour.example/${chat}`,
  ])("are read from %j", (typed) => {
    expect(readEntry(typed)).toEqual(invite);
  });

  it("may be a code alone", () => {
    expect(readEntry(chat)).toEqual({ kind: "code", code: chat });
    expect(readEntry(`parley://join/${chat}`)).toEqual({ kind: "code", code: chat });
    expect(readEntry(account)).toEqual({ kind: "code", code: account });
  });

  it.each(["https://relay.harbour.example", "http://192.168.1.4:3030", "https://[2001:db8::1]:8443"])(
    "to %s come back from their link as they went in",
    (relay) => {
      expect(readEntry(inviteLink(relay, chat))).toEqual({ kind: "invite", relay, code: chat });
    },
  );

  // As the terminal client makes them, too.
  it.each([
    ["https://relay.example.org", "relay.example.org"],
    ["https://[2001:db8::1]:8443", "[2001:db8::1]:8443"],
    ["http://127.0.0.1:3030", "http%3A%2F%2F127.0.0.1%3A3030"],
    ["http://[::1]:3030", "http%3A%2F%2F%5B%3A%3A1%5D%3A3030"],
  ])("of %s say %s", (relay, place) => {
    expect(inviteLink(relay, chat)).toBe(`parley://join/${place}/${chat}`);
  });

  it("give their code, whatever they stand in", () => {
    expect(codeIn(`parley://join/relay.harbour.example/${chat}`)).toBe(chat);
    expect(codeIn(` ${chat} `)).toBe(chat);
    expect(codeIn("83c610dad620764f80b974")).toBe("83c610dad620764f80b974");
    expect(codeIn("relay.harbour.example")).toBeNull();
    expect(codeIn("")).toBeNull();
  });

  it("say by their shape what they are for", () => {
    expect(kindOfCode(chat)).toBe("chat");
    expect(kindOfCode(account)).toBe("account");
  });
});

it("warns of a relay without TLS, except on this machine", () => {
  expect(isUnprotected("http://192.168.1.4:3030")).toBe(true);
  expect(isUnprotected("http://127.0.0.1:3030")).toBe(false);
  expect(isUnprotected("https://relay.harbour.example")).toBe(false);
});

it("names a relay by its host", () => {
  expect(hostOf("https://relay.harbour.example")).toBe("relay.harbour.example");
  expect(hostOf("http://127.0.0.1:3030")).toBe("127.0.0.1:3030");
});
