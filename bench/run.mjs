/**
 * The benchmark: the rows of the table in the README that this version has, through the package's own API.
 *
 *   npm run bench [-- --json FILE]
 *
 * Prints a Markdown table of medians with their spread. The ceiling is measured too: a loop of SIMD
 * multiplications and additions on the first cache. Rows are interleaved, so that a noisy machine disturbs them alike.
 */
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { cpus } from "node:os";
import binaryen from "binaryen";
import { compile, load, writeSafetensors } from "../dist/index.js";

const rounds = 7;

/** Compiles and loads; how long that took, and how large it is. */
async function prepare(source) {
  const start = performance.now();
  const { wasm, metadata, diagnostics } = await compile(source, "bench.rnn");
  if (!wasm) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  const model = await load({ metadata, wasm });
  return { model, bytes: wasm.length, gzipped: gzipSync(wasm).length, compiled: performance.now() - start };
}

const lcg = (seed) => () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;

/** W1: an LSTM(128) over frames of 39 features, one step at a time. */
async function streaming() {
  const made = await prepare("input x : f32[T, 39]\noutput h = x >> lstm(128)");
  const random = lcg(1);
  made.model.loadWeights(randomWeights(made.model, random));
  const stream = made.model.stream();
  const frame = Float32Array.from({ length: 39 }, () => random() - 0.5);
  return {
    name: "W1",
    unit: "µs",
    work: "LSTM(128), 39 features, batch 1, one step",
    flop: 2 * 168 * 512,
    made,
    inner: 2000,
    run: () => stream.step(frame),
  };
}

/** Small random numbers for every parameter, as a file of weights. */
function randomWeights(model, random) {
  const tensors = model.metadata.parameters.map(({ name, shape }) => [
    name,
    {
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (random() - 0.5) * 0.2),
    },
  ]);
  return writeSafetensors({ tensors: new Map(tensors), metadata: {} });
}

/** W4: a training step of a character model with Adam and clipping. */
async function training(T) {
  const made = await prepare(`input text : token(65)[T]
text >> embed(65) >> lstm(128) >> softmax(next(text))
train { optimizer adam(1e-3)  clip norm 5  batch 32  tbptt ${T} }`);
  const trainer = made.model.trainer({ seed: 1, stepsPerEpoch: 1000 });
  const random = lcg(2);
  const ids = Int32Array.from({ length: 32 * (T + 1) * 2 }, () => Math.floor(random() * 65));
  const [batch] = trainer.chunks({ text: ids });
  // Per step of the sequence and example: two products in, logits, and twice that backwards.
  const flop = 3 * 2 * 32 * T * (65 * 512 + 128 * 512 + 128 * 65);
  return {
    name: T === 64 ? "W4" : `W4, T = ${T}`,
    unit: "ms",
    work: `char LM: embed 65, LSTM(128), softmax 65, T = ${T}, batch 32, training step`,
    flop,
    made,
    inner: 1,
    run: () => trainer.step(batch),
  };
}

/** What no product can pass: eight accumulators, each adding the product of a number in the first cache and a constant. */
async function limit() {
  const m = new binaryen.Module();
  m.setFeatures(binaryen.Features.SIMD128);
  m.setMemory(1, 1, "memory");
  const chains = 8;
  const accumulator = (k) => m.local.get(k + 1, binaryen.v128);
  const factor = chains + 1;
  const loaded = (k) => m.v128.load(16 * k, 16, m.i32.const(0));
  const body = Array.from({ length: chains }, (_, k) =>
    m.local.set(
      k + 1,
      m.f32x4.add(accumulator(k), m.f32x4.mul(loaded(k), m.local.get(factor, binaryen.v128))),
    ),
  );
  const sum = Array.from({ length: chains }, (_, k) => accumulator(k)).reduce((a, b) => m.f32x4.add(a, b));
  const next = m.local.tee(0, m.i32.sub(m.local.get(0, binaryen.i32), m.i32.const(1)), binaryen.i32);
  m.addFunction(
    "run",
    binaryen.createType([binaryen.i32]),
    binaryen.f32,
    Array.from({ length: chains + 1 }, () => binaryen.v128),
    m.block(null, [
      m.local.set(factor, m.f32x4.splat(m.f32.const(0.999))),
      m.loop("top", m.block(null, [...body, m.br("top", next)])),
      m.f32x4.extract_lane(sum, 0),
    ]),
  );
  m.addFunctionExport("run", "run");
  const { instance } = await WebAssembly.instantiate(m.emitBinary());
  m.dispose();
  const n = 2_000_000;
  return { flop: n * chains * 8, run: () => instance.exports.run(n) };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

const rows = [await streaming(), await training(64), await training(16), await training(512)];
const ceiling = await limit();
for (const row of rows) for (let k = 0; k < (row.unit === "µs" ? 5000 : 3); k++) row.run();
ceiling.run();

const times = rows.map(() => []);
const ceilings = [];
for (let round = 0; round < rounds; round++) {
  rows.forEach((row, k) => {
    // At least 50 ms a round, so that one interruption does not decide.
    const calls = row.inner > 1 ? row.inner * 5 : Math.max(1, Math.ceil(50 / 20));
    const start = performance.now();
    for (let i = 0; i < calls; i++) row.run();
    times[k].push((performance.now() - start) / calls);
  });
  const start = performance.now();
  ceiling.run();
  ceilings.push(ceiling.flop / (performance.now() - start) / 1e6);
}
const gflops = median(ceilings);

const results = rows.map((row, k) => {
  const scale = row.unit === "µs" ? 1000 : 1;
  const sorted = times[k].map((t) => t * scale).sort((a, b) => a - b);
  const value = median(sorted);
  return {
    name: row.name,
    work: row.work,
    unit: row.unit,
    median: value,
    least: sorted[0],
    most: sorted.at(-1),
    ofLimit: value / ((row.flop / gflops / 1e6) * scale),
    bytes: row.made.bytes,
    gzipped: row.made.gzipped,
    compiled: row.made.compiled,
  };
});

console.log(
  `Node ${process.versions.node}, ${cpus()[0].model}, one thread; ceiling of SIMD multiply-add ${gflops.toFixed(1)} GFLOP/s\n`,
);
console.log("| row | work | median | spread | × the arithmetic | module (gzip) | text to loaded module |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const r of results) {
  const f = (x) => x.toFixed(2);
  console.log(
    `| ${r.name} | ${r.work} | ${f(r.median)} ${r.unit} | ${f(r.least)}–${f(r.most)} | ${f(r.ofLimit)} | ${(r.bytes / 1000).toFixed(1)} KB (${(r.gzipped / 1000).toFixed(1)}) | ${(r.compiled / 1000).toFixed(2)} s |`,
  );
}
const report = {
  node: process.versions.node,
  machine: cpus()[0].model,
  date: new Date().toISOString().slice(0, 10),
  gflops,
  results,
};
const json = process.argv.indexOf("--json");
if (json >= 0) writeFileSync(process.argv[json + 1], `${JSON.stringify(report, null, 2)}\n`);
