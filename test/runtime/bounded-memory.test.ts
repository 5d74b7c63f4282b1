/** Training on long sequences stays within the memory that is told, and takes no more the longer it goes on. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { dataSpecs, makeBatch } from "../../src/runtime/batch.ts";
import { feed } from "../../src/runtime/feed.ts";
import { newTenant, startMachine } from "../../src/runtime/machine.ts";
import { peakBytes } from "../../src/runtime/peak-bytes.ts";
import { inSegments } from "../../src/runtime/segments.ts";
import { openTrainer } from "../../src/runtime/trainer.ts";
import { compileModel } from "./models.ts";

const source = `input x : token(20)[T]  target y : token(20)[T]
x >> embed(16) >> lstm(32) >> softmax(y)
train { batch 4 }`;

const ids = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, t) => (t * t + seed * t + seed) % 20);
const batchOf = (lengths: readonly number[]) => ({
  x: lengths.map((n, k) => ids(n, k)),
  y: lengths.map((n, k) => ids(n, k + 1)),
});

test("10,000 steps train within 2 MB beside the data, to the very loss", async () => {
  const { metadata, wasm } = await compileModel(source, { recompute: "segments" });
  const sizes = { B: 4, T: 10_000 };
  const data = 2 * 4 * sizes.B * sizes.T;
  const peak = peakBytes(metadata.memory.training!, inSegments(metadata, sizes));
  expect(peak).toBeLessThan(2e6 + data);
  const machine = await startMachine(metadata, wasm);
  machine.run("initialise");
  const batch = makeBatch(dataSpecs(metadata), batchOf([10_000, 4_321, 1, 9_999]), { targets: true });
  feed(machine, dataSpecs(metadata), batch, newTenant(), true);
  machine.run("gradients");
  expect(machine.floats().byteLength).toBeLessThan(peak + 65536);
  expect(machine.constant("train:loss")[0]).toBeCloseTo(3, 0);

  const plain = await compileModel(source);
  const other = await startMachine(plain.metadata, plain.wasm);
  other.run("initialise");
  feed(other, dataSpecs(plain.metadata), batch, newTenant());
  other.run("gradients");
  expect(other.floats().byteLength).toBeGreaterThan(10 * peak);
  expect(machine.constant("train:loss")).toEqual(other.constant("train:loss"));
  // Two orders of adding up 24,321 numbers in float32, which cancel for the most part.
  const [found, wanted] = [machine.constant("gradients"), other.constant("gradients")];
  const norm = (of: (k: number) => number): number => Math.hypot(...Array.from(wanted, (_, k) => of(k)));
  expect(norm((k) => found[k]! - wanted[k]!)).toBeLessThan(1e-4 * norm((k) => wanted[k]!));
});

test("the first level that fits is chosen", async () => {
  const choose = async (maxMemory: number) =>
    (await compile(source, "model.rnn", { maxMemory, sizes: { B: 4, T: 10_000 } })).recompute!;
  const [none, gates, segments] = (await choose(1)).costs;
  expect([none, gates, segments].map((c) => c!.level)).toEqual(["none", "gates", "segments"]);
  expect(gates!.bytes).toBeLessThan(0.7 * none!.bytes);
  expect(segments!.bytes).toBeLessThan(0.1 * none!.bytes);
  for (const cost of [gates!, segments!]) expect(cost.operations / none!.operations).toBeLessThan(1.5);
  expect(await choose(none!.bytes)).toMatchObject({ level: "none", fits: true });
  expect(await choose(none!.bytes - 1)).toMatchObject({ level: "gates", fits: true });
  expect(await choose(gates!.bytes - 1)).toMatchObject({ level: "segments", fits: true });
  expect(await choose(segments!.bytes - 1)).toMatchObject({ level: "segments", fits: false });
});

test("100,000 steps of training take no more memory than the first", async () => {
  const { metadata, wasm } = await compileModel(`input x : f32[T, 2]  target y : token(2)
    x >> elman(2) >> last >> softmax(y)`);
  const machine = await startMachine(metadata, wasm);
  const trainer = openTrainer(machine, dataSpecs(metadata), { initialise: true, seed: 1 });
  // Of two lengths, so that memory is laid out anew each time.
  const batches = [2, 3].map((n) => trainer.batch({ x: [ids(n, 1).map((v) => [v, 1])], y: [n % 2] }));
  const run = (steps: number): void => {
    for (let k = 0; k < steps; k++) trainer.step(batches[k % 2]!);
  };
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const held = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  run(1000);
  const [memory, before] = [machine.floats().byteLength, held()];
  run(100_000);
  expect(machine.floats().byteLength).toBe(memory);
  expect(held() - before).toBeLessThan(1e6);
}, 60_000);
