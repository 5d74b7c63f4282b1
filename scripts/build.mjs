/**
 * Builds dist/: the library, the command line, the runtime that goes into packages, and the declarations.
 *
 * The runtimes come first: their texts are part of the others, under names such as `rnnc:runtime`, for the package
 * writer.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { parsedLibrary } from "./parsed-library.mjs";
import { buildRuntime } from "./runtime-text.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const typescript = fileURLToPath(import.meta.resolve("typescript/package.json"));

await rm(`${root}/dist`, { recursive: true, force: true });
const declarations = promisify(execFile)(
  process.execPath,
  [typescript.replace(/package\.json$/u, "bin/tsc"), "-p", "tsconfig.build.json"],
  { cwd: root },
).catch((error) => Promise.reject(new Error(`the declarations have errors:\n${error.stdout}`)));
// The other builds may fail first; then this one's fate is of no interest.
declarations.catch(() => {});

const runtimes = {
  runtime: await buildRuntime(`${root}/dist/runtime.js`),
  "runtime-searching": await buildRuntime(`${root}/dist/runtime-searching.js`, "searching-entry.ts"),
  "runtime-threaded": await buildRuntime(`${root}/dist/runtime-threaded.js`, "threaded-entry.ts"),
  "runtime-tfjs": await buildRuntime(`${root}/dist/runtime-tfjs.js`, "tfjs/package-entry.ts"),
  "runtime-tfjs-searching": await buildRuntime(
    `${root}/dist/runtime-tfjs-searching.js`,
    "tfjs/searching-entry.ts",
  ),
};

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external: ["binaryen"],
  plugins: [
    await parsedLibrary(root),
    {
      name: "runtime-text",
      setup(plugins) {
        plugins.onResolve({ filter: /^rnnc:/ }, ({ path }) => ({
          path: path.slice("rnnc:".length),
          namespace: "rnnc",
        }));
        plugins.onLoad({ filter: /.*/, namespace: "rnnc" }, ({ path }) => ({
          contents: runtimes[path],
          loader: "text",
        }));
      },
    },
  ],
  logLevel: "warning",
};

const entries = [
  {
    entryPoints: ["src/index.ts"],
    outfile: "dist/index.js",
    platform: "neutral",
    mainFields: ["module", "main"],
  },
  // In pieces, so that each command loads what it needs: in one file Binaryen would be loaded to print a help text.
  // CommonJS packages within the bundle ask for `require`.
  {
    entryPoints: ["src/cli/main.ts"],
    splitting: true,
    outdir: "dist",
    entryNames: "cli",
    chunkNames: "cli/[name]-[hash]",
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
  },
].filter(({ entryPoints: [entry] }) => existsSync(`${root}/${entry}`));

await Promise.all(entries.map((entry) => build({ ...common, ...entry })));
if (existsSync(`${root}/dist/cli.js`)) await chmod(`${root}/dist/cli.js`, 0o755);
await declarations;
