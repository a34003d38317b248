import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";
import { arabicEmoji } from "./vite.arabic-emoji.ts";

export default defineConfig({
  plugins: [svelte(), svelteTesting(), arabicEmoji()],
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["tests/support/setup.ts"],
    // Expectations name local times.
    env: { TZ: "Europe/Berlin" },
    maxWorkers: 2,
  },
});
