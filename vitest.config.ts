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
  // Left to itself, vitest keeps one core for its main process, which idles while tests run.
  test: { include: ["test/**/*.test.ts"], testTimeout: 180_000, maxWorkers: "100%" },
});
