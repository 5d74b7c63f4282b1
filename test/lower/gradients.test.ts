/** Gradients of whole models, lowered: the kernel interpreter agrees with the graph's evaluator. */
import { describe, test } from "vitest";
import * as g from "../../src/ir/graph/build.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { deferWeightGradients } from "../../src/passes/defer-weight-gradients.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { mergeGates } from "../../src/passes/merge-gates.ts";
import { simplify } from "../../src/passes/simplify.ts";
import { check } from "./harness.ts";
import * as m from "./models.ts";

const { T, S, B, d, n, v } = m;
const ragged = { batch: 3, lengths: { T: [4, 2, 5] }, classes: 7 };

const forward = [simplify, hoist, mergeGates];
const backward = [differentiate, simplify, hoist, deferWeightGradients, simplify];
const optimised = (graph: Graph): Graph => [...forward, ...backward].reduce((x, pass) => pass.run(x), graph);

const square = (x: Node): Node => g.reduce("sum", g.mul(x, x), x.type.axes);

/** Each model's loss, as a function of the axis of its sequences. */
const models: Readonly<Record<string, (axis: g.ScanParts["axis"]) => Node>> = {
  dense: () => square(g.unary("tanh", m.affine(g.input("u", "f32", [B, d]), "dense", d, n))),
  "elman over all steps": (axis) =>
    m.crossEntropy(m.affine(m.elman(m.sequence(axis), axis).h, "out", n, v), m.targets(axis), axis),
  "elman backwards": (axis) =>
    m.crossEntropy(m.affine(m.elman(m.sequence(axis), axis, true).h, "out", n, v), m.targets(axis), axis),
  "elman, last state": (axis) => square(m.elman(m.sequence(axis), axis).last),
  "lstm over all steps": (axis) =>
    m.crossEntropy(m.affine(m.lstm(m.sequence(axis), axis).h, "out", n, v), m.targets(axis), axis),
  "lstm with peepholes, last state": (axis) =>
    square(m.lstm(m.sequence(axis), axis, { peephole: true }).last),
  "gru, last state": (axis) => square(m.gru(m.sequence(axis), axis).last),
  "gru over all steps": (axis) => square(m.gru(m.sequence(axis), axis).h),
  "embedding, lstm, softmax": (axis) => {
    const words = g.gather(m.weight("E", v, d), m.targets(axis), v);
    return m.crossEntropy(
      m.affine(m.lstm(words, axis).h, "out", n, v),
      g.shift(m.targets(axis), axis, -1),
      axis,
    );
  },
  "tied embedding": (axis) => {
    const E = m.weight("E", v, d);
    const words = g.gather(E, m.targets(axis), v);
    return m.crossEntropy(g.contract(words, E, [d]), g.shift(m.targets(axis), axis, -1), axis);
  },
};

describe.each(Object.keys(models))("%s", (name) => {
  for (const axis of [T, S])
    test(`over ${axis.name}`, () => {
      const graph = m.graphOf(["loss", models[name]!(axis), "loss"]);
      check(differentiate.run(graph), ragged);
      check(optimised(graph), ragged);
    });
});
