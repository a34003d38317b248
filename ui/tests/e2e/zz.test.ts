import { test } from "vitest";
import { Chromium } from "./browser";
test("dbg", async () => {
  const c = await Chromium.launch();
  const s = await c.open("group");
  s.page.on("pageerror", (e) => console.log(e.stack?.slice(0, 2500)));
  await s.page.reload();
  await s.page.waitForTimeout(2500);
  await c.close();
});
