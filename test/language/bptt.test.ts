/**
 * Back-propagation through time by `scan` is differentiation of the network unrolled, and for the vanilla network it
 * is the textbook's closed form (Goodfellow, Bengio, Courville 2016, eqs. 10.17 to 10.28):
 * a = b + W h[t-1] + U x, h = tanh a, o = c + V h, and L = -log softmax(o)[y], summed over the steps.
 */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { unroll } from "../../src/passes/unroll.ts";
import { cells, noisy } from "./cases.ts";
import { expectClose, expectGradients } from "./compare.ts";
import { entry, environmentOf, evaluator, gradientsOf } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program, type Values } from "./program.ts";

describe("a scan's gradient is that of the unrolled network", () => {
  const pipelines = [...cells, ...noisy].map(({ name }) => name);
  test.each([...pipelines, "lstm(2) >> bidir >> stack(2)", "reverse >> gru(3)"])("%s", (pipeline) => {
    const source = (T: string): string =>
      `input x : f32[${T}, 2]  target y : token(3)[${T}]\nx >> ${pipeline} >> softmax(y)`;
    const made = program(source("T: 5"));
    const call: Call = {
      data: drawData(made, { B: [0, 0, 0] }, 2),
      parameters: drawParameters(made, 2),
      seed: 3,
    };
    const scanned = entry(made, "train");
    const unrolled = unroll.run(scanned);
    expect(nodesOf(scanned, "scan").length).toBeGreaterThan(0);
    expect(nodesOf(unrolled, "scan")).toEqual([]);
    const run = (graph: Graph) => {
      const values = evaluate(differentiate.run(graph), environmentOf(made, graph, call));
      return { loss: values.get("train:loss")!.data[0]!, gradients: gradientsOf(made, values) };
    };
    const [loop, straight] = [run(scanned), run(unrolled)];
    expectClose([loop.loss], [straight.loss], 1e-13);
    expectGradients(loop.gradients, straight.gradients, 1e-12, 1e-3);

    // Lengths per example that all happen to be 5 are no different, but for the numbers drawn at random.
    if (pipeline.includes("dropout") || pipeline.includes("zoneout")) return;
    const ragged = evaluator(program(source("T"))).learn(call);
    expectClose([ragged.loss], [straight.loss], 1e-13);
    expectGradients(ragged.gradients, straight.gradients, 1e-12, 1e-3);
  });
});

describe("the closed form of the vanilla network", () => {
  const [inputs, hidden, classes] = [3, 4, 5];
  const made = program(`input x : f32[T, ${inputs}]  target y : token(${classes})[T]
    let o = x >> elman(${hidden}) >> dense(${classes})
    minimize ce(softmax(o), y)`);
  const call: Call = { data: drawData(made, { T: [6, 3, 1] }, 8), parameters: drawParameters(made, 8) };

  const names = { U: "o.elman.h.Wx", W: "o.elman.h.Wh", b: "o.elman.h.b", V: "o.dense.Wx", c: "o.dense.b" };

  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const { loss, gradients } = (kind === "module" ? await moduleOf(made) : evaluator(made)).learn(call);
    const expected = closedForm(call.data["x"] as number[][][], call.data["y"] as number[][]);
    const bound = kind === "module" ? 1e-5 : 1e-12;
    expectClose([loss], [expected.loss], bound);
    expectGradients(
      gradients,
      new Map([...gradients.keys()].map((name) => [name, expected.gradients.get(name)!])),
      bound,
      1e-3,
    );
  });

  function closedForm(
    xs: readonly (readonly (readonly number[])[])[],
    ys: readonly (readonly number[])[],
  ): { loss: number; gradients: Values } {
    const [U, W, b, V, c] = [names.U, names.W, names.b, names.V, names.c].map((name) =>
      call.parameters.get(name)!,
    ) as [number[], number[], number[], number[], number[]];
    const zeros = (like: readonly number[]): number[] => new Array<number>(like.length).fill(0);
    const [dU, dW, db, dV, dc] = [zeros(U), zeros(W), zeros(b), zeros(V), zeros(c)];
    let loss = 0;
    xs.forEach((x, example) => {
      const y = ys[example]!;
      const h: number[][] = [];
      const dO: number[][] = [];
      for (let t = 0; t < x.length; t++) {
        h[t] = Array.from({ length: hidden }, (_, i) => {
          let a = b[i]!;
          for (let j = 0; j < hidden; j++) a += W[i * hidden + j]! * (h[t - 1]?.[j] ?? 0);
          for (let j = 0; j < inputs; j++) a += U[i * inputs + j]! * x[t]![j]!;
          return Math.tanh(a);
        });
        const o = Array.from({ length: classes }, (_, k) => {
          let sum = c[k]!;
          for (let i = 0; i < hidden; i++) sum += V[k * hidden + i]! * h[t]![i]!;
          return sum;
        });
        const total = o.reduce((sum, value) => sum + Math.exp(value), 0);
        const p = o.map((value) => Math.exp(value) / total);
        loss -= Math.log(p[y[t]!]!);
        dO[t] = p.map((value, k) => value - (k === y[t] ? 1 : 0));
      }
      let later = zeros(b);
      for (let t = x.length - 1; t >= 0; t--) {
        const dh = later.map((value, i) => {
          let sum = value;
          for (let k = 0; k < classes; k++) sum += V[k * hidden + i]! * dO[t]![k]!;
          return sum;
        });
        const da = dh.map((value, i) => value * (1 - h[t]![i]! ** 2));
        for (let k = 0; k < classes; k++) {
          dc[k]! += dO[t]![k]!;
          for (let i = 0; i < hidden; i++) dV[k * hidden + i]! += dO[t]![k]! * h[t]![i]!;
        }
        for (let i = 0; i < hidden; i++) {
          db[i]! += da[i]!;
          for (let j = 0; j < hidden; j++) dW[i * hidden + j]! += da[i]! * (h[t - 1]?.[j] ?? 0);
          for (let j = 0; j < inputs; j++) dU[i * inputs + j]! += da[i]! * x[t]![j]!;
        }
        later = later.map((_, j) => da.reduce((sum, value, i) => sum + W[i * hidden + j]! * value, 0));
      }
    });
    const mean = (values: readonly number[]): number[] => values.map((value) => value / xs.length);
    return {
      loss: loss / xs.length,
      gradients: new Map([
        [names.U, mean(dU)],
        [names.W, mean(dW)],
        [names.b, mean(db)],
        [names.V, mean(dV)],
        [names.c, mean(dc)],
      ]),
    };
  }
});
