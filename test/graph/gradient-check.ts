/**
 * Compares gradients with central differences of fourth order in float64. Inputs and parameters can be wanted; of a
 * ragged input only what lies within the lengths is compared, since a gradient has padding too.
 */
import { expect } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import type { Environment, Tensor } from "../../src/ir/graph/eval.ts";
import { evaluateNodes } from "../../src/ir/graph/eval.ts";
import { makeContext, validity } from "../../src/ir/graph/eval-context.ts";
import { arrange } from "../../src/ir/graph/tensor.ts";
import type { Node } from "../../src/ir/graph/types.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { derive } from "../../src/passes/differentiate.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";

const step = 1e-3;
const tolerance = 1e-6;

/** A scalar that weighs each element of the value differently. */
export function weighted(value: Node, name = "weights"): Node {
  const weights = b.input(name, "f32", value.type.axes);
  return b.contract(value, weights, value.type.axes);
}

export function checkGradients(loss: Node, wanted: readonly Node[], given: Case = {}): void {
  const { roots, gradients } = derive([loss], wanted, [loss]);
  const outputs = Object.fromEntries(gradients.map((x, k) => [`gradient ${k}`, x ?? b.constant(0)]));
  const graph = graphOf({ loss: roots[0]!, ...outputs });
  verify(graph);
  const environment = environmentOf(graphOf({ loss, ...Object.fromEntries(wanted.entries()) }), given);
  const [before] = evaluateNodes([loss], environment);
  const [value, ...results] = evaluateNodes(
    graph.outputs.map((output) => output.value),
    environment,
  );
  expect(value!.data[0]).toBe(before!.data[0]);
  expect(value!.data[0]).not.toBeNaN();
  wanted.forEach((node, k) => compare(loss, node, gradients[k] ? results[k]! : null, environment));
}

function compare(loss: Node, node: Node, gradient: Tensor | null, environment: Environment): void {
  if (node.op !== "input" && node.op !== "param") throw new Error("only inputs and parameters can be varied");
  const { name } = node.attributes;
  const store = node.op === "input" ? environment.inputs : environment.params;
  const tensor = store.get(name)!;
  const context = makeContext(environment);
  const valid = validity(tensor.axes, tensor.sizes, tensor.axes.filter(b.isRagged), context);
  const own = gradient && arrange(gradient, tensor.axes, tensor.sizes);
  const at = (i: number, x: number): number => {
    const data = tensor.data.with(i, tensor.data[i]! + x);
    const varied = new Map(store).set(name, { ...tensor, data });
    const changed = node.op === "input" ? { inputs: varied } : { params: varied };
    return evaluateNodes([loss], { ...environment, ...changed })[0]!.data[0]!;
  };
  for (let i = 0; i < tensor.data.length; i++) {
    if (valid && !valid[i]) continue;
    const near = at(i, step) - at(i, -step);
    const far = at(i, 2 * step) - at(i, -2 * step);
    const expected = (8 * near - far) / (12 * step);
    const actual = own ? own.data[i]! : 0;
    const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
    expect(error, `d ${name} [${i}]: ${actual}, by differences ${expected}`).toBeLessThanOrEqual(tolerance);
  }
}
