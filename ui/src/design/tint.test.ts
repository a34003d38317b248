import { expect, test } from "vitest";
import { initials, tint } from "./tint";

test("a person has one letter, a group up to two", () => {
  expect(initials("Mara", 1)).toBe("M");
  expect(initials("Harbour Street 12", 2)).toBe("HS");
  expect(initials("Allotment association, northern section", 2)).toBe("AA");
  expect(initials("فاطمة", 1)).toBe("ف");
  expect(initials("بناية شارع الميناء", 2)).toBe("ب");
  expect(initials("1234", 1)).toBe("1");
});

test("marks, pictures and nothing at all don't break the circle", () => {
  expect(initials("Z̷̢̛͓̪̣͎̮͖̜͍͎a", 1)).toBe("Z");
  expect(initials("👨‍👩‍👧‍👦 family", 1)).toBe("F");
  expect(initials("🏳️‍🌈", 1)).toBe("🏳️‍🌈");
  expect(initials("   ", 1)).toBe("");
});

test("a tint is the same every time, and all eight are used", () => {
  const tints = Array.from({ length: 400 }, (_, index) => tint(`account ${index}`));
  expect(tint("account 7")).toBe(tints[7]);
  expect(new Set(tints)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
});
