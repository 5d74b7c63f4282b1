/**
 * pullback: from predictions to the gradients of whatever the caller makes of them: the vector-Jacobian product.
 *
 *   predict:y: f32[B, n] = contract [k] %w, %x     becomes     gradient w: f32[n, k] = contract [B] %dy, %x
 *                                                              predict gradient:x: f32[B, k] = contract [n] %w, %dy
 *
 * where dy is a new input, `cotangent:y`. Takes the place of `differentiate` where the loss is not the model's own. Needs:
 * predictions alone; those that are not numbers take no part. Makes: an output of role `gradient` a parameter that they
 * depend on, and one of role `predict` for each of the inputs named.
 */
import { input, mul } from "../ir/graph/build.ts";
import type { Graph, Node, Output } from "../ir/graph/types.ts";
import { nodesOf } from "../ir/graph/walk.ts";
import { derive } from "./differentiate.ts";
import type { Pass } from "./pass.ts";
import { sum } from "./vjp-scalar.ts";

/** Names of the buffers, which the runtime repeats. */
const cotangent = ({ name }: Output): string => `cotangent:${name.slice("predict:".length)}`;
const gradient = (input: string): string => `gradient:${input}`;

/** `inputs`: those by which the caller may differentiate. */
export const makePullback = (inputs: ReadonlySet<string>): Pass => ({
  name: "pullback",
  about:
    "Takes gradients of predictions to those of parameters and inputs, by back-propagation through time.",
  run: (graph) => run(graph, inputs),
});

function run(graph: Graph, inputs: ReadonlySet<string>): Graph {
  const outputs = graph.outputs.filter(({ value }) => value.type.dtype === "f32");
  const whole = { ...graph, outputs };
  const parameters = nodesOf(whole, "param");
  const given = nodesOf(whole, "input").filter(
    ({ attributes, type }) => type.dtype === "f32" && inputs.has(attributes.name),
  );
  // The gradient of a value with axes is that of the sum of it.
  const worth = outputs.map((o) => mul(o.value, input(cotangent(o), "f32", o.value.type.axes)));
  const { gradients } = derive(worth, [...parameters, ...given], []);
  const found = (of: readonly Node<"param" | "input">[], from: number): ReadonlyMap<string, Node[]> => {
    const byName = new Map<string, Node[]>();
    of.forEach(({ attributes: { name } }, k) => {
      const term = gradients[from + k];
      if (term) byName.set(name, [...(byName.get(name) ?? []), term]);
    });
    return byName;
  };
  const ofParameters = [...found(parameters, 0)].map(([name, terms]): Output => ({
    name,
    role: "gradient",
    value: sum(terms),
  }));
  const ofInputs = [...found(given, parameters.length)].map(([name, terms]): Output => ({
    name: gradient(name),
    role: "predict",
    value: sum(terms),
  }));
  return { ...graph, outputs: [...ofParameters, ...ofInputs] };
}
