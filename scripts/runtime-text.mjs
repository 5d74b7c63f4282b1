/**
 * The runtime as one script without imports, minified: `var rnnc = (() => …)();`. A package's module holds this text and
 * takes `rnnc.openPackage` from it; as one expression it cannot meet the names of anything else in the module.
 */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Gives the text, and writes it where a file is named. `entry` is the module that packages take. */
export async function buildRuntime(outfile, entry = "package-entry.ts") {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: [`src/runtime/${entry}`],
    bundle: true,
    minify: true,
    // Node shows the line of an error that nobody catches: not the whole runtime.
    lineLimit: 300,
    format: "iife",
    globalName: "rnnc",
    platform: "neutral",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
    logLevel: "warning",
  });
  const [{ text }] = outputFiles;
  if (outfile) {
    const { mkdir, writeFile } = await import("node:fs/promises");
    await mkdir(new URL(".", `file://${outfile}`), { recursive: true });
    await writeFile(outfile, text);
  }
  return text;
}
