// How the screen is built. `--mode fake` builds it over the world in memory, every other mode over the engine;
// `backend/connect.ts` branches on the mode, so that neither bundle holds the other's backend.

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { arabicEmoji } from "./vite.arabic-emoji.ts";

export default defineConfig({
  plugins: [svelte(), arabicEmoji()],
  // Relative, because the window serves the screen from a scheme of its own.
  base: "./",
  build: {
    target: ["chrome111", "safari16.4"],
    // Nothing inline: the content security policy allows only files of our own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        // By name, so that `scripts/bundle-size.js` can tell data from code.
        chunkFileNames: ({ moduleIds }) =>
          `assets/${moduleIds.some((id) => /emojibase-data|arabic-emoji/.test(id)) ? "emoji" : "[name]"}-[hash].js`,
      },
    },
  },
  server: { port: 5173, strictPort: true },
});
