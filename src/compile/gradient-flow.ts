/**
 * How much of the loss's gradient reaches each step of a recurrence: ‖∂L/∂h[t]‖ over t, for every state h. It vanishes
 * or explodes on its way back through time (Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013).
 *
 *   h = tanh(a + U h[t-1])     becomes     h = tanh(a + U h[t-1]) + p[t],  p = 0
 *
 * and ∂L/∂p[t], by the compiler's own differentiation, is ∂L/∂h[t]: what flows back through everything that reads h[t],
 * later steps included. A recurrence within another one's step is left alone.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import {
  add,
  batch,
  element,
  input,
  scan as makeScan,
  scanParts,
  union,
  without,
} from "../ir/graph/build.ts";
import { evaluateNodes, type Tensor } from "../ir/graph/eval.ts";
import { offsets, strides } from "../ir/graph/tensor.ts";
import type { Axis, Graph, Node, ScanState } from "../ir/graph/types.ts";
import { bodyRoots, rewrite, scopes, type Scopes } from "../ir/graph/walk.ts";
import { derive } from "../passes/differentiate.ts";
import { inputTensor } from "./random-environment.ts";
import { startingPoint, type StartOptions } from "./starting-point.ts";

export interface StateFlow {
  /** As the source names it, after where it stands: `lstm.c`. */
  readonly state: string;
  /** The axis that the recurrence runs along. */
  readonly axis: string;
  /** From the last position to the first. */
  readonly reverse: boolean;
  /** ‖∂L/∂h[t]‖ for each position t: of an example's own loss, the mean over the examples. */
  readonly norms: readonly number[];
}

/** In the order of the source; null where the program has errors, or no loss. */
export async function gradientFlow(
  source: string,
  file: string,
  options: StartOptions = {},
): Promise<readonly StateFlow[] | null> {
  const start = await startingPoint(source, file, options);
  if (start === null) return null;
  const { loss, probes } = addProbes(start.loss);
  const { gradients } = derive(
    [loss],
    probes.map((p) => p.sequence),
    [],
  );
  const reached = probes.flatMap((probe, k) => (gradients[k] ? [{ ...probe, gradient: gradients[k] }] : []));
  const zeros = reached.map(
    ({ sequence }) => [sequence.attributes.name, inputTensor(sequence, start.shape, () => 0)] as const,
  );
  const inputs = new Map([...start.environment.inputs, ...zeros]);
  const values = evaluateNodes(
    reached.map((p) => p.gradient),
    { ...start.environment, inputs },
  );
  return reached.map(({ state, axis, reverse }, k) => ({
    state,
    axis: axis.name,
    reverse,
    norms: normsAlong(values[k]!, axis, start.environment.batch),
  }));
}

interface Probe {
  readonly state: string;
  readonly axis: Axis;
  readonly reverse: boolean;
  /** Zeros, one for each element of the state at each step. */
  readonly sequence: Node<"input">;
}

function addProbes(graph: Graph): { readonly loss: Node; readonly probes: readonly Probe[] } {
  const output = graph.outputs.find((o) => o.role === "loss");
  if (!output) throw new CompilerBug(`${graph.name} has no loss`);
  const scope = scopes();
  const outermost = new Set(scope.level([output.value]));
  const probes: Probe[] = [];
  const [loss] = rewrite([output.value], (node, original) =>
    node.op === "scan" && outermost.has(original) ? probed(node, scope, probes) : node,
  );
  return { loss: loss!, probes };
}

/** The scan with a probe added to each state's new value, wherever the body reads that. */
function probed(node: Node<"scan">, scope: Scopes, probes: Probe[]): Node {
  const parts = scanParts(node);
  const { axis, reverse } = parts;
  const inside = scope.inside(node);
  const formals = new Map<Node, { readonly formal: Node<"element">; readonly sequence: Node<"input"> }>();
  for (const { formal, next } of node.attributes.states) {
    if (!isEquation({ formal, next }) || !inside.has(next) || formals.has(next)) continue;
    const { name } = formal.attributes;
    const sequence = input(`probe:${name}`, "f32", union(next.type.axes, [axis]));
    formals.set(next, { formal: element(`probe.${name}`, sequence.type, axis), sequence });
    probes.push({ state: name, axis, reverse, sequence });
  }
  const roots = rewrite(bodyRoots(node), (value, original) => {
    const probe = formals.get(original);
    return probe ? add(value, probe.formal) : value;
  });
  const count = parts.states.length;
  return makeScan(
    {
      ...parts,
      states: parts.states.map((s, k) => ({ ...s, next: roots[k]! })),
      elements: [...parts.elements, ...formals.values()],
      outputs: roots.slice(count),
    },
    node.label,
  );
}

/** Not a value handed on as it is: an older step of a state (`h@2`), or the input itself. */
const isEquation = ({ formal, next }: ScanState): boolean =>
  formal.type.dtype === "f32" && next.op !== "state" && next.op !== "element";

/** Lengths are all the same, so nothing is padding. */
function normsAlong(gradient: Tensor, axis: Axis, examples: number): readonly number[] {
  const step = strides(gradient);
  const rest = without(gradient.axes, [axis, batch]);
  const places = offsets(
    rest,
    rest.map((a) => gradient.sizes[gradient.axes.indexOf(a)]!),
    step,
  );
  // A state that knows no example has one gradient, of the loss of them all.
  const rows = gradient.axes.includes(batch) ? examples : 1;
  const norm = (t: number, b: number): number =>
    Math.sqrt(
      places.reduce((sum, at) => sum + gradient.data[at + t * step(axis) + b * step(batch)]! ** 2, 0),
    );
  return Array.from({ length: gradient.sizes[gradient.axes.indexOf(axis)]! }, (_, t) => {
    const all = Array.from({ length: rows }, (_, b) => norm(t, b));
    // The loss is a mean over the examples, of which each has its share.
    return all.reduce((a, b) => a + b, 0);
  });
}
