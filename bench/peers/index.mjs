/**
 * The peers. `open` loads one; then `can(row)` says why it cannot do a row (null: it can), `prepare(row, data, weights)`
 * gives `time(calls)` and the result of its first run (null where it cannot be compared).
 */
import { readFileSync } from "node:fs";
import { openBrain } from "./brain.mjs";
import { openJax } from "./jax.mjs";
import { openOnnxRuntime } from "./onnxruntime.mjs";
import { openPyTorch } from "./pytorch.mjs";
import { openTfjs } from "./tfjs.mjs";

const version = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

const fromNpm = (name, title, open) => ({
  name,
  title,
  open: async () => ({ version: version(name), ...(await open()) }),
});

export const peers = [
  fromNpm("onnxruntime-web", "ORT-web", () => openOnnxRuntime(true)),
  fromNpm("@jax-js/jax", "jax-js", openJax),
  fromNpm("@tensorflow/tfjs", "tfjs-wasm", openTfjs),
  fromNpm("brain.js", "brain.js", openBrain),
  fromNpm("onnxruntime-node", "ORT native", () => openOnnxRuntime(false)),
  { name: "pytorch", title: "PyTorch native", open: openPyTorch },
];
