import { describe, expect, it } from "vitest";
import { emailFault, nameFault, passwordFault } from "./rules";

describe("a username", () => {
  it.each(["al", "J.R-R_T", "Zoë", "武田", "محمد", " noor ", "田中たろう", "한국어漢", "x".repeat(32), "ＡＬＩＣＥ"])(
    "may be %j",
    (name) => {
      expect(nameFault(name)).toBeNull();
    },
  );

  it.each([
    ["", "empty"],
    ["   ", "empty"],
    ["a", "short"],
    ["x".repeat(33), "long"],
    ["a b", "characters"],
    ["ab\u202ec", "characters"],
    ["a@b", "characters"],
    ["-ab", "beginning"],
    ["pаypal", "scripts"],
    ["noorنور", "scripts"],
    ["たろう한", "scripts"],
  ])("is not %j: %s", (name, fault) => {
    expect(nameFault(name)).toBe(fault);
  });

  it("counts characters as the relay does, not UTF-16 units", () => {
    expect(nameFault("𠮷")).toBe("short");
    expect(nameFault("𠮷".repeat(32))).toBeNull();
  });
});

describe("an e-mail address", () => {
  it.each(["a@b.org", "Zoë+x@müller.example", " trimmed@x.org ", "o'neil@a-b.co.uk"])("may be %j", (email) => {
    expect(emailFault(email)).toBeNull();
  });

  it.each([
    "a",
    "@b.org",
    "a@",
    "a@b",
    "a b@c.org",
    "a@b..org",
    "a@-b.org",
    "a@b-.org",
    "a@@b.org",
    `a@${"x".repeat(254)}.org`,
  ])("is not %j", (email) => {
    expect(emailFault(email)).toBe("shape");
  });

  it("is asked for when it is missing", () => {
    expect(emailFault(" ")).toBe("empty");
  });
});

describe("a password", () => {
  it("has 8 to 1,024 bytes, as the relay counts them", () => {
    expect(passwordFault("")).toBe("empty");
    expect(passwordFault("1234567")).toBe("short");
    expect(passwordFault("12345678")).toBeNull();
    expect(passwordFault("пароль")).toBeNull();
    expect(passwordFault("x".repeat(1024))).toBeNull();
    expect(passwordFault("x".repeat(1025))).toBe("long");
  });

  it("keeps its spaces", () => {
    expect(passwordFault("        ")).toBeNull();
  });
});
