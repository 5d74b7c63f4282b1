/**
 * What lies past an example's end changes nothing: a batch of sequences of different lengths gives, to the bit, what each
 * gives alone, and its gradient is their mean. The evaluator has NaN in the padding of inputs; the runtime clears it,
 * whatever lay there before.
 */
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/runtime/machine.ts";
import { cells, layers, noisy, sequences } from "./cases.ts";
import { expectClose, expectGradients } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, exampleOf, program, type Nested } from "./program.ts";

const wanted = [
  "elman(3, act = relu)",
  "lstm(3, peephole, coupled, proj = 2)",
  "lstm(3, layernorm)",
  "gru(3)",
  "gru(3, before)",
  "normalise",
  "gru(2) >> bidir >> stack(2)",
  "elman(2) >> bidir(sum) >> residual",
  "reverse >> elman(3) >> reverse",
  "elman(3) >> last",
  "elman(3) >> first",
  "elman(3) >> mean",
  "elman(3) >> max",
  "elman(3) >> bidir >> last",
  "embed",
  "sigmoid",
  "ce of vectors",
  "bce",
  "a net used twice",
  "two output layers, one weighted",
  "a table tied to the output",
  "crf",
  "perceptron",
  "svm",
  "hmm",
  "ctc",
];
const ragged = [5, 1, 3, 0, 7];
const chosen = [...cells, ...layers, ...sequences].filter(({ name }) => wanted.includes(name));

test("every program wanted is there", () => {
  expect(chosen.map(({ name }) => name).sort()).toEqual([...wanted].sort());
});

describe.each(chosen)("$name", ({ name, source }) => {
  // The maximum of no steps is -inf, of which nothing sensible can be computed.
  // Labels that fit into their steps.
  const lengths = {
    T: name === "elman(3) >> max" ? ragged.map((n) => Math.max(n, 1)) : ragged,
    L: [2, 1, 0, 0, 3],
  };
  const made = program(source);
  const data = drawData(made, lengths, 6);
  const call: Call = { data, parameters: drawParameters(made, 6) };
  const alone = lengths.T.map((_, b): Call => ({ ...call, data: exampleOf(data, b) }));
  const isReal = (name: string): boolean => made.model.data.find((d) => d.name === name)!.base === "f32";
  let compiled: ReturnType<typeof moduleOf> | null = null;
  const ownModule = () => (compiled ??= moduleOf(made));
  const hasOutputs = made.model.results.length > 0;

  test("each example alone gives the same bits, and the gradients add up", async () => {
    const module = await ownModule();
    if (hasOutputs) {
      const { outputs } = module.predict(call);
      alone.forEach((own, b) => {
        const single = module.predict(own).outputs;
        for (const [name, examples] of outputs)
          expect(examples[b], `${name} ${b}`).toEqual(single.get(name)![0]);
      });
    }
    const batch = module.learn(call);
    const lessons = alone.map((own) => module.learn(own));
    expectClose([batch.loss], [mean(lessons.map(({ loss }) => loss))], 1e-6, 1e-3, "loss");
    const added = new Map(
      [...batch.gradients].map(([name, gradient]): [string, number[]] => [
        name,
        gradient.map((_, k) => mean(lessons.map(({ gradients }) => gradients.get(name)![k]!))),
      ]),
    );
    expectGradients(batch.gradients, added, 2e-6, 1e-3);
    expect([...batch.gradients.values()].flat().every(Number.isFinite)).toBe(true);
  });

  test("what an earlier call left in memory is never read, in the padding of inputs least of all", async () => {
    const module = await ownModule();
    const before = module.learn(call);
    const predicted = hasOutputs ? module.predict(call) : null;
    const full = drawData(made, { T: lengths.T.map(() => 7), L: lengths.L.map(() => 3) }, 8);
    const poison: Call = {
      data: Object.fromEntries(
        Object.entries(full).map(([name, examples]) => [name, isReal(name) ? nans(examples) : examples]),
      ),
      parameters: new Map([...call.parameters].map(([name, x]) => [name, x.map(() => NaN)])),
    };
    expect(module.learn(poison).loss).toBeNaN();
    expect(module.learn(call)).toEqual(before);
    if (!predicted) return;
    module.predict(poison);
    expect(module.predict(call)).toEqual(predicted);
  });

  test("in the evaluator too", () => {
    const reference = evaluator(made);
    const { loss, gradients } = reference.learn(call);
    const lessons = alone.map((own) => reference.learn(own));
    expectClose([loss], [mean(lessons.map((lesson) => lesson.loss))], 1e-13);
    for (const [name, gradient] of gradients)
      expectClose(
        gradient,
        gradient.map((_, k) => mean(lessons.map((lesson) => lesson.gradients.get(name)![k]!))),
        1e-12,
      );
  });
});

describe.each(noisy)("$name", ({ source }) => {
  test("an example draws the same numbers wherever it stands in a batch", async () => {
    const made = program(source);
    const module = await moduleOf(made);
    const parameters = drawParameters(made, 6);
    const data = drawData(made, { T: [5, 3] }, 6);
    const both = module.learn({ data, parameters }).loss;
    const first = module.learn({ data: exampleOf(data, 0), parameters }).loss;
    const second = module.withMemory(asSecond).learn({ data: exampleOf(data, 1), parameters }).loss;
    expectClose([both], [(first + second) / 2], 1e-6);
  });
});

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** The only example of the batch is the second of the data. */
function asSecond(machine: Machine): void {
  machine.integers()[machine.at(machine.buffer("example")!)] = 1;
}

const nans = (value: readonly Nested[]): readonly Nested[] =>
  value.map((inner) => (typeof inner === "number" ? NaN : nans(inner)));
