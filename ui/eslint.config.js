import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist", "dist-fake", "node_modules", "tests/pictures", "src/backend/generated"] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: {
      parserOptions: { extraFileExtensions: [".svelte"], parser: ts.parser, svelteConfig },
    },
  },
  {
    rules: {
      // What people wrote must never become markup.
      "svelte/no-at-html-tags": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-console": "error",
      // Control characters are what some of our tests and cleaners are about.
      "no-control-regex": "off",
      "no-undef": "off",
      // It takes every warning that the compiler gives without our options for one of ours; svelte-check has the word.
      "svelte/no-unused-svelte-ignore": "off",
      // A plain Map that nothing on screen reads is cheaper, and most of ours are such.
      "svelte/prefer-svelte-reactivity": "off",
    },
  },
  {
    files: ["src/**/*.{ts,svelte}"],
    ignores: ["src/backend/tauri.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["@tauri-apps/*"], message: "Only backend/tauri.ts speaks to the shell." }] },
      ],
    },
  },
  {
    files: ["**/*.svelte"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          // It keeps a style for every rule that meets every set of inherited properties, as long as the page stands, and each
          // element that sets some makes a new set: what stands below is kept again whenever it is shown again.
          selector: "SvelteStyleDirective[key.name.name=/^--/]",
          message:
            "WebKit never forgets what stands below an element with custom properties of its own. Set the property itself.",
        },
      ],
    },
  },
  { files: ["scripts/**"], rules: { "no-console": "off" } },
);
