/** The peaks that a package tells are what its module lays out, to the byte. */
import { describe, expect, test } from "vitest";
import { newTenant, startMachine } from "../../src/runtime/machine.ts";
import type { PeakMemory } from "../../src/runtime/metadata.ts";
import { peakBytes } from "../../src/runtime/peak-bytes.ts";
import { compileModel } from "../runtime/models.ts";

const models: Readonly<Record<string, string>> = {
  "a tagger": `
    input x : f32[T, 5]   target y : token(3)[T]
    x >> lstm(6, peephole) >> bidir >> dropout(0.5) >> softmax(y)`,
  "a classifier": `
    input x : f32[T, 5]   target y : token(3)
    x >> gru(6) >> last >> softmax(y)
    train { optimizer sgd(0.1) }`,
  "two sequences": `
    input a : token(7)[S]   target b : token(9)[L]
    let memory = a >> embed(5) >> lstm(6)
    prev(b) >> embed(5) >> lstm(6, init = memory) >> attention(luong, over = memory) >> softmax(b)`,
  labels: `
    input x : f32[T, 5]   target y : token(4)[L]
    x >> lstm(6) >> ctc(y)`,
  "nothing to learn": `
    input x : f32[T, 5]
    output y = x >> gru(6)`,
};

const sizes: readonly Readonly<Record<string, number>>[] = [
  { B: 1, T: 1, S: 1, L: 1 },
  { B: 2, T: 7, S: 3, L: 9 },
  { B: 16, T: 301, S: 40, L: 33 },
];

const pages = (bytes: number): number => Math.ceil(bytes / 65536) * 65536;

/** What the formula says, without the rounding of each slot. */
const counted = ({ formula }: PeakMemory, at: Readonly<Record<string, number>>): number =>
  formula
    .split(" + ")
    .map((term) => term.split("*").reduce((n, factor) => n * (at[factor] ?? Number(factor)), 1))
    .reduce((a, b) => a + b, 0);

describe.each(Object.entries(models))("%s", (_, source) => {
  test("takes what is told, to the byte", async () => {
    const { metadata, wasm } = await compileModel(source);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 32768 });
    const module = await WebAssembly.compile(wasm as BufferSource);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    const reserve = exports["reserve"] as (...values: number[]) => number;
    const { inference } = metadata.memory;
    const training = metadata.memory.training ?? inference;
    for (const at of sizes) {
      const wanted = metadata.symbols.map((symbol) => at[symbol]!);
      expect(reserve(...wanted, 1)).toBe(peakBytes(inference, at));
      if (metadata.memory.training) expect(reserve(...wanted, 2)).toBe(peakBytes(training, at));
      expect(reserve(...wanted)).toBe(Math.max(peakBytes(inference, at), peakBytes(training, at)));
      for (const peak of [inference, training]) {
        const rounding = peakBytes(peak, at) - counted(peak, at);
        expect(rounding).toBeGreaterThanOrEqual(0);
        expect(rounding).toBeLessThan(64 * peak.slots.length + 1);
      }
    }
    if (metadata.memory.training)
      expect(peakBytes(training, sizes[2]!)).toBeGreaterThan(peakBytes(inference, sizes[2]!));
  });

  test("lays out what training needs when it trains, what inference needs when it predicts", async () => {
    const { metadata, wasm } = await compileModel(source);
    const { inference, training } = metadata.memory;
    for (const at of sizes) {
      const own = Object.fromEntries(metadata.symbols.map((s) => [s, at[s]!]));
      const machine = await startMachine(metadata, wasm);
      machine.run("initialise");
      const before = machine.floats().byteLength;
      machine.claim(newTenant(), own);
      const took = (): number => machine.floats().byteLength;
      if (training !== null) {
        machine.run("gradients");
        expect(took()).toBe(Math.max(before, pages(peakBytes(training, at))));
      }
      const trained = took();
      machine.run("predict");
      expect(took()).toBe(Math.max(trained, pages(peakBytes(inference, at))));
    }
  });
});
