/**
 * Adds the gradient of the loss for each parameter that it depends on, by reverse-mode differentiation.
 *
 *   loss: f32[] = sum [B] (contract [n] %w, %x)     becomes     the same, and
 *                                                               gradient w: f32[n] = contract [B] 1, %x
 *
 * Needs losses without axes. Makes: an output of role `gradient` a parameter, its value over the parameter's axes.
 * Several losses add up. Forward scans whose values the gradients need put them out too, in place of the old ones.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { filled } from "../ir/graph/build.ts";
import type { Graph, Node, Output } from "../ir/graph/types.ts";
import { nodesOf, rewrite, scopes } from "../ir/graph/walk.ts";
import type { Derivation } from "./backpropagate.ts";
import { Cotangents, backpropagate, reaching } from "./backpropagate.ts";
import type { Pass } from "./pass.ts";
import { sum } from "./vjp-scalar.ts";

export interface DifferentiateOptions {
  /** Truncated back-propagation: states' cotangents are cut wherever the position is a multiple of this. */
  readonly truncate?: number;
  /** Keep the states alone for the way back; products and what follows from them are computed again. */
  readonly recompute?: boolean;
  /** The parameters to differentiate by, by name; all if not given. */
  readonly trains?: (parameter: string) => boolean;
}

export function makeDifferentiate(options: DifferentiateOptions = {}): Pass {
  return {
    name: "differentiate",
    about: "Adds the gradient of the loss for each parameter, by back-propagation through time.",
    run: (graph) => run(graph, options),
  };
}

export const differentiate: Pass = makeDifferentiate();

export interface Derivatives {
  /** The roots as given, but for scans that now put out their tape: to be used instead. */
  readonly roots: readonly Node[];
  /** For each wanted value, over its axes; null: nothing flows to it. */
  readonly gradients: readonly (Node | null)[];
}

/**
 * The gradient of `value` (a scalar; with axes: of the sum of it) with respect to each wanted node. Whatever is used
 * beside the gradients must be among `roots`, else it would still run the old scans.
 */
export function derive(
  values: readonly Node[],
  wanted: readonly Node[],
  roots: readonly Node[],
  options: DifferentiateOptions = {},
): Derivatives {
  const derivation: Derivation = {
    scopes: scopes(),
    truncate: options.truncate ?? null,
    recompute: options.recompute ?? false,
    taped: new Map(),
  };
  const order = derivation.scopes.level(values);
  const cotangents = new Cotangents();
  for (const value of values) cotangents.add(value, filled(1, value.type));
  backpropagate(order, reaching(order, wanted, derivation.scopes), cotangents, derivation);
  const found = wanted.map((node) => cotangents.of(node));
  const rewritten = rewrite(
    [...roots, ...found.flatMap((x) => x ?? [])],
    (node) => node,
    new Map(),
    (node) => derivation.taped.get(node) ?? node,
  );
  let next = roots.length;
  return {
    roots: rewritten.slice(0, roots.length),
    gradients: found.map((x) => (x === null ? null : rewritten[next++]!)),
  };
}

function run(graph: Graph, options: DifferentiateOptions): Graph {
  const losses = graph.outputs.filter((output) => output.role === "loss");
  for (const { name, value } of losses)
    if (value.type.axes.length > 0) throw new CompilerBug(`the loss ${name} is not a scalar`);
  const { trains = () => true } = options;
  const reachable = new Set(nodesOf({ ...graph, outputs: losses }, "param"));
  // What lies side by side is trained together.
  const parameters = [...reachable].filter(({ attributes }) => trains(attributes.members[0]!.name));
  const { roots, gradients } = derive(
    losses.map((output) => output.value),
    parameters,
    graph.outputs.map((output) => output.value),
    options,
  );
  const byName = new Map<string, Node[]>();
  gradients.forEach((gradient, k) => {
    const { name } = parameters[k]!.attributes;
    if (gradient) byName.set(name, [...(byName.get(name) ?? []), gradient]);
  });
  const outputs = graph.outputs.map((output, k): Output => ({ ...output, value: roots[k]! }));
  const added = [...byName].map(([name, terms]): Output => ({ name, role: "gradient", value: sum(terms) }));
  return { ...graph, outputs: [...outputs, ...added] };
}
