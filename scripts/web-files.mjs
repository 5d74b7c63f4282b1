/**
 * The page of examples/web with all that it takes, as files by their address: the model compiled for WASM and for tfjs with
 * the characters of the text, and tfjs with its GPU backends as one script.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildRuntime } from "./runtime-text.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = `${root}/examples/web`;

/** `library` is rnnc: `compile`, `packageFiles`, `tfjsFiles`, `characterVocabulary`. */
export async function webFiles(library) {
  const { compile, packageFiles, tfjsFiles, characterVocabulary } = library;
  const text = readFileSync(`${root}/examples/data/psalms.txt`, "utf8");
  const source = readFileSync(`${page}/model.rnn`, "utf8");
  const vocabularies = { text: characterVocabulary([text]) };
  const options = { vocabularies, dims: { text: vocabularies.text.length } };
  const files = new Map([
    ["", readFileSync(`${page}/index.html`, "utf8")],
    ["psalms.txt", text],
    ["model.rnn", source],
    ["tfjs.js", await tfjsScript()],
  ]);
  for (const name of ["page.js", "curve.js", "page.css"])
    files.set(name, readFileSync(`${page}/${name}`, "utf8"));
  const wasm = await compile(source, "model.rnn", options);
  const tfjs = await compile(source, "model.rnn", { ...options, target: "tfjs" });
  const packages = {
    // A model that writes text needs the runtime that searches.
    wasm: packageFiles({ ...wasm, runtime: await buildRuntime(undefined, "searching-entry.ts") }),
    tfjs: tfjsFiles({
      metadata: tfjs.metadata,
      program: tfjs.tfjs,
      runtime: await buildRuntime(undefined, "tfjs/searching-entry.ts"),
    }),
  };
  for (const [folder, made] of Object.entries(packages))
    for (const [name, content] of made) files.set(`${folder}/${name}`, content);
  return files;
}

/** The app's own tfjs: the model takes it as it is. */
async function tfjsScript() {
  const { outputFiles } = await build({
    stdin: {
      contents: `export * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].text;
}
