/**
 * Losses mean their formulas, computed here by plain loops: what is summed, what is averaged, and what is left out past
 * an example's end. Sequences have 4 steps, 1 step and none.
 */
import { describe, expect, test } from "vitest";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program } from "./program.ts";

type Rows = readonly (readonly number[])[];

const softmax = (row: readonly number[]): number[] => {
  const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
  return row.map((x) => Math.exp(x) / total);
};
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
const binary = (p: number, y: number): number => -(y * Math.log(p) + (1 - y) * Math.log(1 - p));

interface LossCase {
  readonly name: string;
  readonly target: string;
  readonly loss: string;
  /** Of one example, from the logits and the target of each step. */
  readonly expected: (logits: Rows, target: readonly (number | readonly number[])[]) => number;
}

const vectors = (target: readonly (number | readonly number[])[]): Rows => target as Rows;

/** Output layers average over an example's steps; losses under `minimize` are added up over them. */
const cases: readonly LossCase[] = [
  {
    name: "softmax",
    target: "token(3)[T]",
    loss: "e >> softmax(y, project = none)",
    expected: (e, y) => mean(e.map((row, t) => -Math.log(softmax(row)[y[t] as number]!))),
  },
  {
    name: "sigmoid",
    target: "f32[T, 3]",
    loss: "e >> sigmoid(y, project = none)",
    expected: (e, y) =>
      mean(e.map((row, t) => sum(row.map((x, k) => binary(sigmoid(x), vectors(y)[t]![k]!))))),
  },
  {
    name: "regress",
    target: "f32[T, 3]",
    loss: "e >> regress(y, project = none)",
    expected: (e, y) => mean(e.map((row, t) => mean(row.map((x, k) => (x - vectors(y)[t]![k]!) ** 2)))),
  },
  {
    name: "a weighted output layer",
    target: "f32[T, 3]",
    loss: "e >> regress(y, project = none, weight = 0.25)",
    expected: (e, y) =>
      0.25 * mean(e.map((row, t) => mean(row.map((x, k) => (x - vectors(y)[t]![k]!) ** 2)))),
  },
  {
    name: "ce of tokens",
    target: "token(3)[T]",
    loss: "minimize ce(softmax(e), y)",
    expected: (e, y) => sum(e.map((row, t) => -Math.log(softmax(row)[y[t] as number]!))),
  },
  {
    name: "nll",
    target: "token(3)[T]",
    loss: "minimize nll(softmax(e), y)",
    expected: (e, y) => sum(e.map((row, t) => -Math.log(softmax(row)[y[t] as number]!))),
  },
  {
    name: "ce of vectors",
    target: "f32[T, 3]",
    loss: "minimize ce(softmax(e), y)",
    expected: (e, y) =>
      sum(e.map((row, t) => -sum(softmax(row).map((p, k) => vectors(y)[t]![k]! * Math.log(p))))),
  },
  {
    name: "bce",
    target: "f32[T, 3]",
    loss: "minimize bce(sigmoid(e), y)",
    expected: (e, y) =>
      sum(e.map((row, t) => sum(row.map((x, k) => binary(sigmoid(x), vectors(y)[t]![k]!))))),
  },
  {
    name: "mse",
    target: "f32[T, 3]",
    loss: "minimize mse(e, y)",
    expected: (e, y) => sum(e.map((row, t) => mean(row.map((x, k) => (x - vectors(y)[t]![k]!) ** 2)))),
  },
  {
    name: "kl",
    target: "f32[T, 3]",
    loss: "minimize kl(softmax(y), softmax(e))",
    expected: (e, y) =>
      sum(
        e.map((row, t) => {
          const [p, q] = [softmax(vectors(y)[t]!), softmax(row)];
          return sum(p.map((x, k) => x * Math.log(x / q[k]!)));
        }),
      ),
  },
  {
    name: "two that add up",
    target: "f32[T, 3]",
    loss: "minimize mse(e, y)  minimize 2 * sum(e)",
    expected: (e, y) =>
      sum(e.map((row, t) => mean(row.map((x, k) => (x - vectors(y)[t]![k]!) ** 2)) + 2 * sum(row))),
  },
];

describe.each(cases)("$name", ({ target, loss, expected }) => {
  const made = program(`input x : f32[T, 3]  target y : ${target}
    let e = x >> dense(3)
    ${loss}`);
  const call: Call = {
    data: drawData(made, { T: [4, 1, 0] }, 14),
    parameters: drawParameters(made, 14),
  };
  const [W, b] = ["e.dense.Wx", "e.dense.b"].map((name) => call.parameters.get(name)!);

  test("is the mean over the examples of its formula", async () => {
    const perExample = call.data["x"]!.map((x, example) => {
      const logits = (x as Rows).map((row) =>
        b!.map((bias, i) => bias + sum(row.map((value, j) => W![i * 3 + j]! * value))),
      );
      return expected(logits, call.data["y"]![example] as Rows);
    });
    for (const runner of [evaluator(made), await moduleOf(made)]) {
      const bound = runner.name === "module" ? 2e-6 : 1e-12;
      expectClose(
        [runner.learn(call).loss, runner.evaluate(call)],
        [mean(perExample), mean(perExample)],
        bound,
      );
    }
    expect(perExample[2]).toBe(0);
  });
});
