/** Computing again instead of keeping changes no loss by a bit, and gradients by no more than an order of summation. */
import { describe, expect, test } from "vitest";
import type { Recompute } from "../../src/compile/types.ts";
import { peakBytes } from "../../src/runtime/peak-bytes.ts";
import { compileModel } from "../runtime/models.ts";
import { cells, handedOn, layers, noisy, type ProgramCase, sequences } from "./cases.ts";
import { expectGradients } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program } from "./program.ts";

const levels: readonly Recompute[] = ["gates", "segments"];

/** A cell of the user's: an LSTM with a normalised cell, whose output is projected. */
const own: ProgramCase = {
  name: "a cell of one's own",
  source: `cell own(n, r) (x) {
      state c[n], h[r]
      i = sigmoid(affine(x, h[t-1]))
      f = sigmoid(affine(x, h[t-1], bias = 1))
      c = f * c[t-1] + i * tanh(affine(x, h[t-1]))
      o = sigmoid(affine(x, h[t-1]) + diag(c))
      h = linear(o * tanh(normalise(c)), size = r)
      return h
    }
    input x : f32[T, 2]  target y : token(3)[T]
    x >> own(5, 3) >> own(4, 2) >> softmax(y)`,
  lengths: { T: [4, 1, 3] },
};

const tagged = (pipeline: string): ProgramCase => ({
  name: pipeline,
  source: `input x : f32[T, 2]  target y : token(3)[T]\nx >> ${pipeline} >> softmax(y)`,
  lengths: { T: [4, 1, 3] },
});
const stacks = [
  "lstm(3, peephole) >> bidir >> stack(2)",
  "gru(3) >> dropout(0.3) >> stack(3)",
  "gru(3) >> bidir >> attention(luong)",
].map(tagged);
const read: ProgramCase = {
  name: "read at the end",
  source: "input x : f32[T, 2]  target y : token(3)\nx >> lstm(3) >> gru(4) >> last >> softmax(y)",
  lengths: { T: [4, 1, 3] },
};
const numbers: ProgramCase = {
  name: "numbers to come near to",
  source: "input x : f32[T, 2]  target y : f32[T, 3]\nx >> lstm(3) >> regress(y)",
  lengths: { T: [4, 1, 3] },
};

const few = <T>(list: readonly T[]): readonly T[] => list.filter((_, k) => k % 4 === 0);
const cases = [
  own,
  ...stacks,
  read,
  numbers,
  ...few(cells),
  ...few(sequences),
  ...noisy,
  ...few(handedOn),
  ...few(layers),
];

/** Long enough for several segments, the last of them cut short. */
const long = (lengths: ProgramCase["lengths"]): ProgramCase["lengths"] =>
  Object.fromEntries(Object.keys(lengths).map((axis) => [axis, axis === "T" ? [70, 1, 53] : lengths[axis]!]));

describe.each(cases)("$name", ({ source, lengths }) => {
  const made = program(source);
  const call: Call = {
    data: drawData(made, long(lengths), 3),
    parameters: drawParameters(made, 5),
    seed: 11,
    step: 4,
  };

  test.each(levels)("%s", async (recompute) => {
    const plain = (await moduleOf(made)).learn(call);
    const module = await moduleOf({ ...made, options: { ...made.options, recompute } });
    const found = module.learn(call);
    if (module.machine.metadata.segmented?.some(({ axis }) => axis === "T"))
      expect(module.machine.sizes()["T.segments"]).toBeGreaterThan(2);
    expect(found.loss).toBe(plain.loss);
    expectGradients(found.gradients, plain.gradients, 1e-6, 1e-3);
    expectGradients(found.gradients, evaluator(made).learn(call).gradients, 1e-5, 1e-3);
  });
});

test("gates take a third less", async () => {
  const source = "input x : f32[T, 64]  target y : token(10)[T]\nx >> lstm(64) >> softmax(y)";
  const sizes = { B: 32, T: 1000 };
  const bytes = async (recompute: Recompute): Promise<number> =>
    peakBytes((await compileModel(source, { recompute })).metadata.memory.training!, sizes);
  expect(await bytes("gates")).toBeLessThan((2 / 3) * (await bytes("none")));
});
