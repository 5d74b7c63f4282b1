/**
 * Evaluates a graph in float64: the oracle that every later stage is tested against. It is written to be read and
 * to be right; it is fast enough for models of a few thousand parameters.
 *
 * Padding of inputs and of scans' outputs is NaN, so a result that depends on padding shows.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { hasAxis, isRagged, scanParts, union, without } from "./build.ts";
import type { Context, Environment, Lengths } from "./eval-context.ts";
import { fillPadding, makeContext } from "./eval-context.ts";
import { evaluators } from "./eval-ops.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, product, put, scalar, strides, take } from "./tensor.ts";
import type { Axis, Graph, Node } from "./types.ts";
import type { Scopes } from "./walk.ts";
import { bodyRoots, scopes } from "./walk.ts";

export type { Environment } from "./eval-context.ts";
export type { Tensor } from "./tensor.ts";

/** The outputs by name, their axes in canonical order. */
export function evaluate(graph: Graph, environment: Environment): Map<string, Tensor> {
  const values = evaluateNodes(
    graph.outputs.map((output) => output.value),
    environment,
  );
  return new Map(graph.outputs.map((output, k) => [output.name, values[k]!]));
}

export function evaluateNodes(roots: readonly Node[], environment: Environment): Tensor[] {
  const machine: Machine = {
    scopes: scopes(),
    bodies: new Map(),
    values: new Map(),
    scans: new Map(),
  };
  run(machine.scopes.level(roots), machine, makeContext(environment));
  return roots.map((root) => valueOf(machine, root));
}

/** A graph's outputs with something else in their padding, e.g. 0 to compare two of them. */
export function withPadding(
  outputs: ReadonlyMap<string, Tensor>,
  value: number,
  environment: Environment,
): Map<string, Tensor> {
  const context = makeContext(environment);
  return new Map([...outputs].map(([name, tensor]) => [name, fillPadding(tensor, value, context)]));
}

interface ScanResult {
  readonly finals: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

interface Machine {
  readonly scopes: Scopes;
  /** What to evaluate at each step of a scan, in order: found once. */
  readonly bodies: Map<Node, readonly Node[]>;
  /** Nodes of a body are overwritten at each step. */
  readonly values: Map<Node, Tensor>;
  readonly scans: Map<Node, ScanResult>;
}

function valueOf(machine: Machine, node: Node): Tensor {
  const value = machine.values.get(node);
  if (!value) throw new CompilerBug(`${node.op} ${node.label ?? ""} has no value here`);
  return value;
}

function run(nodes: readonly Node[], machine: Machine, context: Context): void {
  for (const node of nodes) {
    if (node.op === "scan") machine.scans.set(node, evaluateScan(node, machine, context));
    else machine.values.set(node, evaluateNode(node, machine, context));
  }
}

function evaluateNode(node: Exclude<Node, Node<"scan">>, machine: Machine, context: Context): Tensor {
  switch (node.op) {
    case "state":
    case "element":
    case "position":
      throw new CompilerBug(`${node.op} ${node.label ?? ""} is used outside of its scan`);
    case "result": {
      const { part, index } = node.attributes;
      const result = machine.scans.get(node.operands[0]!)!;
      return (part === "final" ? result.finals : result.outputs)[index]!;
    }
    default: {
      const operands = node.operands.map((x) => valueOf(machine, x));
      const evaluator = evaluators[node.op] as (n: Node, o: readonly Tensor[], c: Context) => Tensor;
      return evaluator(node, operands, context);
    }
  }
}

function bodyOf(scan: Node<"scan">, machine: Machine): readonly Node[] {
  const known = machine.bodies.get(scan);
  if (known) return known;
  const inside = machine.scopes.inside(scan);
  const isFormal = (node: Node): boolean =>
    node.op === "state" || node.op === "element" || node.op === "position";
  const body = machine.scopes.level(bodyRoots(scan)).filter((node) => inside.has(node) && !isFormal(node));
  machine.bodies.set(scan, body);
  return body;
}

function evaluateScan(node: Node<"scan">, machine: Machine, context: Context): ScanResult {
  const { axis, reverse, position, states, elements, outputs } = scanParts(node);
  const body = bodyOf(node, machine);
  const steps = context.size(axis);
  const lengths = isRagged(axis) ? context.lengths(axis) : null;
  const readers = elements.map(({ sequence }) => elementReader(valueOf(machine, sequence), axis, context));
  const writers = outputs.map((output) => outputWriter(output, axis, context));
  let current = states.map((s) => valueOf(machine, s.start));
  for (let step = 0; step < steps; step++) {
    const t = reverse ? steps - 1 - step : step;
    const ended = lengths?.data.some((n) => n <= t);
    const running = ended ? [...context.running, { lengths: lengths!, step: t }] : context.running;
    machine.values.set(position, scalar(t));
    states.forEach((s, k) => machine.values.set(s.formal, current[k]!));
    elements.forEach((e, k) => machine.values.set(e.formal, readers[k]!(t)));
    const positions = new Map(context.positions).set(axis, t);
    run(body, machine, { ...context, positions, running });
    outputs.forEach((output, k) => writers[k]!.write(t, valueOf(machine, output)));
    current = states.map((s, k) => hold(current[k]!, valueOf(machine, s.next), t, lengths));
  }
  return { finals: current, outputs: writers.map((w) => fillPadding(w.tensor, NaN, context)) };
}

/** Past the end of what it runs over a state stays; one that knows no end, without examples, goes on. */
function hold(old: Tensor, next: Tensor, t: number, lengths: Lengths | null): Tensor {
  if (!lengths || lengths.data.every((n) => n > t)) return next;
  if (lengths.axes.some((axis) => !next.axes.includes(axis))) return next;
  const place = offsets(next.axes, next.sizes, strides(lengths));
  return { ...next, data: next.data.map((x, i) => (lengths.data[place[i]!]! > t ? x : old.data[i]!)) };
}

function elementReader(sequence: Tensor, axis: Axis, context: Context): (t: number) => Tensor {
  const axes = without(sequence.axes, [axis]);
  const sizes = axes.map(context.size);
  const { data } = sequence;
  if (sequence.axes[0] === axis) {
    const n = product(sizes);
    return (t) => ({ axes, sizes, data: data.subarray(t * n, (t + 1) * n) });
  }
  const stride = strides(sequence);
  const from = offsets(axes, sizes, stride);
  return (t) => ({ axes, sizes, data: take(data.subarray(t * stride(axis)), from) });
}

function outputWriter(
  output: Node,
  axis: Axis,
  context: Context,
): { tensor: Tensor; write: (t: number, value: Tensor) => void } {
  if (hasAxis(output, axis)) throw new CompilerBug(`an output of a scan has the scanned axis ${axis.name}`);
  const axes = union(output.type.axes, [axis]);
  const sizes = axes.map(context.size);
  const tensor: Tensor = { axes, sizes, data: new Float64Array(product(sizes)) };
  const stride = strides(tensor);
  const own = output.type.axes;
  const to = offsets(own, own.map(context.size), stride);
  const from = Int32Array.from(to, (_, i) => i);
  const write = (t: number, value: Tensor): void =>
    put(tensor.data.subarray(t * stride(axis)), to, value.data, from);
  return { tensor, write };
}
