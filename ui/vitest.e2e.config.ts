// Flows in a real browser over the fake build: `npm run e2e`.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/e2e/**/*.test.ts"],
    globalSetup: ["tests/e2e/serve.ts"],
    // A busy machine takes ten times as long; what waits for something on the page gives up before.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
