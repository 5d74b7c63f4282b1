/** Parts of the compiler that are not of the package's interface, bundled from the sources. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { parsedLibrary } from "../scripts/parsed-library.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What the module `contents` exports, whose imports are relative to the repository's root. */
export async function bundled(name, contents) {
  const outfile = `${root}dist/${name}.js`;
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["binaryen"],
    plugins: [await parsedLibrary(root)],
  });
  return import(outfile);
}
