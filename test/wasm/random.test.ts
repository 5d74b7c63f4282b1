import { describe, expect, it } from "vitest";
import { access, at, i32, loop, rowsBuffer, symbolic } from "../../src/ir/kernel/build.ts";
import type { Expression, Kernel } from "../../src/ir/kernel/types.ts";
import { normal, random, threefry, uniform } from "../../src/ir/random.ts";
import { compare, expectClose, instantiate, programOf } from "./run.ts";

const B = symbolic("B");
const b = loop("b", B);
const out = rowsBuffer("out", "f32", [B], "output");

function draws(distribution: "uniform" | "normal", seed: number, place: number, example: Expression): Kernel {
  const value: Expression = {
    kind: "random",
    dtype: "f32",
    distribution,
    seed: i32(seed),
    place,
    example,
    coordinate: at(b.variable),
  };
  const to = access(out, [at(b.variable)]);
  return {
    kind: "kernel",
    name: "draw",
    loops: [b],
    stages: [{ kind: "store", loops: [], to, value, accumulate: false }],
  };
}

describe("random numbers", () => {
  it("are Threefry's of the published test vectors", () => {
    // Random123's kat_vectors: threefry2x32 20.
    expect(threefry(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
    expect(threefry(-1, -1, -1, -1)).toEqual([0x1cb996fc, 0xbb002be7]);
    const program = programOf([draws("uniform", -1, -1, i32(-1))], ["B"]);
    const instance = instantiate(program, { B: 1 });
    instance.run();
    expect(instance.read(out)[0]).toBe(uniform(threefry(-1, -1, -1, 0)[0]));
  });

  it.each([1, 3, 8, 1001])("are those of the reference for %i points", (n) => {
    for (const [seed, place, example] of [
      [0, 0, 0],
      [7, 3, -5],
      [0x243f6a88, 12345, 0x5a308d31],
    ] as const) {
      expectClose(compare([draws("uniform", seed, place, i32(example))], { B: n }), 0);
      expectClose(compare([draws("uniform", seed, place, at(b.variable))], { B: n }), 0);
      expectClose(compare([draws("normal", seed, place, i32(example))], { B: n }), 1e-6);
    }
  });

  it("are normal to the last digits", () => {
    const n = 100_000;
    const instance = instantiate(programOf([draws("normal", 1, 2, i32(3))], ["B"]), { B: n });
    instance.run();
    const found = instance.read(out);
    found.forEach((x, i) => {
      const exact = random("normal", 1, 2, 3, i);
      expect(Math.abs(x - exact)).toBeLessThan(6e-7 * Math.max(1, Math.abs(exact)));
    });
    expect(normal(0xffffffff, 0)).toBeGreaterThan(5);
  });
});
