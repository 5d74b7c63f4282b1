import { defineConfig } from "vitest/config";
import { readFile } from "node:fs/promises";

export default defineConfig({
  plugins: [
    {
      name: "rnn-text",
      enforce: "pre",
      async load(id) {
        if (!id.endsWith(".rnn")) return null;
        return `export default ${JSON.stringify({ source: await readFile(id, "utf8"), program: null })}`;
      },
    },
  ],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 180_000,
    // Left to itself, vitest keeps one core for its main process, which idles while tests run.
    maxWorkers: "100%",
    // A worker keeps the modules it has loaded: Binaryen and the compiler take a second for each file otherwise.
    isolate: false,
  },
});
