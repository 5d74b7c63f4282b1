/** An esbuild plugin: programs of the standard library as their text and their syntax trees, so that no start parses them. */
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

/** The parser, bundled to be run here. */
async function parser(root) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["src/parser/parse.ts"],
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
    logLevel: "warning",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)).parse;
}

export async function parsedLibrary(root) {
  const parse = await parser(root);
  return {
    name: "parsed-library",
    setup(plugins) {
      plugins.onLoad({ filter: /\.rnn$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const { program, diagnostics } = parse(source, path);
        if (diagnostics.length > 0) throw new Error(`${path}: ${diagnostics[0].message}`);
        // JSON has no infinity, but reads what is too large as one.
        const tree = JSON.stringify(program).replaceAll(
          '"kind":"number","value":null',
          '"kind":"number","value":1e999',
        );
        // Engines read large objects from a text faster than from code.
        const text = JSON.stringify(`{"source":${JSON.stringify(source)},"program":${tree}}`);
        return { contents: `export default JSON.parse(${text})`, loader: "js" };
      });
    },
  };
}
