/** A row through this package's own API: the program compiled, loaded with the given weights, and run. */
import { gzipSync } from "node:zlib";
import { compile, load, writeSafetensors } from "../dist/index.js";
import { timed } from "./measure.mjs";

export async function compiled(source, options = {}) {
  const { wasm, metadata, diagnostics } = await compile(source, "bench.rnn", options);
  if (!wasm) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  return { wasm, metadata, gzipped: gzipSync(wasm, { level: 9 }).length };
}

/** `run`: the row once; `time`: by the processor's clock. `result`: what the first run gave, as all contestants give it: the outputs [B, T, n], or the loss. */
export async function prepareOurs(row, { wasm, metadata }, data, weights, threads) {
  const model = await load({ metadata, wasm, threads });
  model.loadWeights(writeSafetensors({ tensors: weights, metadata: {} }));
  const { run, read } = kinds[row.kind](model, row, data);
  const result = read(run());
  return { run, time: timed(run), result };
}

const kinds = {
  step: (model, _, { frames }) => {
    const stream = model.stream();
    return { run: () => stream.step(frames), read: ({ h }) => h.slice() };
  },
  predict: (model, row, data) => {
    const x = examples(row, data);
    const read = ({ h }) => Float32Array.from(h.flatMap(({ data }) => [...data]));
    return { run: () => model.predict({ x }), read };
  },
  train: (model, row, data) => {
    const trainer = model.trainer({ seed: 1, stepsPerEpoch: 1000 });
    const batch = data.stream
      ? trainer.chunks({ text: data.stream }).next().value
      : trainer.batch({ x: examples(row, data), label: labels(row, data) });
    return { run: () => trainer.step(batch), read: ({ loss }) => Float32Array.of(loss) };
  },
};

/** A list of examples, each without a copy. */
function examples({ B, T, input }, { frames }) {
  const size = T * input.features;
  const shape = [T, input.features];
  return Array.from({ length: B }, (_, b) => ({ data: frames.subarray(b * size, (b + 1) * size), shape }));
}

function labels({ B, head }, { targets }) {
  if (head.labels === undefined) return targets;
  return Array.from({ length: B }, (_, b) => targets.subarray(b * head.labels, (b + 1) * head.labels));
}
