// How the screen is built. `--mode fake` builds it over the world in memory, every other mode over the engine;
// `backend/connect.ts` branches on the mode, so that neither bundle holds the other's backend.

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
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
          `assets/${moduleIds.some((id) => id.includes("emojibase-data")) ? "emoji" : "[name]"}-[hash].js`,
      },
    },
  },
  server: { port: 5173, strictPort: true },
});
