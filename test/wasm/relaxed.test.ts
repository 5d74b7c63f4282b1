/** A module built with relaxed SIMD: the same program, its products rounded once where the machine can. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { load } from "../../src/runtime/index.ts";

const source = `input x : f32[T, 7]
target y : token(5)[T]
x >> lstm(12) >> gru(9) >> softmax(y)`;

const build = (relaxedSimd: boolean) => compile(source, "relaxed.rnn", { relaxedSimd, emit: ["wat"] });
const { wasm, stages } = await build(true);
const runs = WebAssembly.validate(new Uint8Array(wasm!));

describe("relaxed SIMD", () => {
  test("is asked for, and nowhere else", async () => {
    expect(stages.get("wat")).toContain("f32x4.relaxed_madd");
    const plain = await build(false);
    expect(plain.stages.get("wat")).not.toContain("relaxed");
    expect(WebAssembly.validate(new Uint8Array(plain.wasm!))).toBe(true);
  });

  test.runIf(runs)("learns as the default build does", async () => {
    const x = [0, 1].map((b) =>
      Array.from({ length: 6 - b }, (_, t) => Array.from({ length: 7 }, (_, k) => Math.sin(b + 3 * t + k))),
    );
    const y = x.map((steps, b) => steps.map((_, t) => (2 * t + b) % 5));
    const losses = async (relaxed: boolean): Promise<number[]> => {
      const { wasm, metadata } = await build(relaxed);
      const model = await load({ metadata: metadata!, wasm: new Uint8Array(wasm!) });
      const trainer = model.trainer({ seed: 1 });
      return Array.from({ length: 5 }, () => trainer.step({ x, y }).loss);
    };
    const [plain, relaxed] = [await losses(false), await losses(true)];
    relaxed.forEach((loss, k) => expect(Math.abs(loss - plain[k]!)).toBeLessThan(1e-5 * plain[k]!));
  });

  test.skipIf(runs)("is refused with a way out by an engine without it", async () => {
    const { wasm, metadata } = await build(true);
    await expect(load({ metadata: metadata!, wasm: new Uint8Array(wasm!) })).rejects.toThrow(
      /--relaxed-simd/u,
    );
  });
});
