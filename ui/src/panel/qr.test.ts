import { expect, it } from "vitest";
import { path } from "./qr";

it("draws a code with its three eyes, larger for a longer text", () => {
  const short = path("parley://join/a/b");
  const long = path(`parley://join/relay.harbour.example/${"x".repeat(80)}`);
  expect(long.modules).toBeGreaterThan(short.modules);
  const { modules, d } = short;
  // The upper edge of an eye: seven dark modules at the start and at the end of the first row.
  expect(d).toMatch(/^M0 0h7/);
  expect(d).toContain(`M${modules - 7} 0h7`);
  expect(d).toContain(`M0 ${modules - 1}h7`);
});
