/**
 * The tape: what a reversed scan reads of the forward one. There is no construct for it: a value that is kept is one
 * more output of the forward scan and one more element of the reversed. Products, sums and transcendental functions
 * are kept, and the histories of states; what is elementwise and cheap is computed again in the reversed body from
 * those; elements are read from their own sequences.
 *
 * With `recompute` the histories of states are all that is kept: what follows from them is computed again, products too,
 * and so is an element of a sequence that a product made, from what went into it at this step (at-step.ts).
 */
import {
  constant,
  element,
  position,
  scan as makeScan,
  scanOutput,
  scanParts,
  select,
  union,
} from "../ir/graph/build.ts";
import type { ScanParts } from "../ir/graph/build.ts";
import type { BinaryFunction, Node, UnaryFunction } from "../ir/graph/types.ts";
import { bodyRoots, rewrite } from "../ir/graph/walk.ts";
import { makeAtStep } from "./at-step.ts";
import { type Guard, guardsOf } from "./guards.ts";
import type { Derivation } from "./backpropagate.ts";

export interface Tape {
  readonly elements: ScanParts["elements"];
  readonly position: Node<"position">;
  /** The roots, over the reversed scan's own formals. */
  readonly body: readonly Node[];
}

/** Gives the roots what they read of the forward body, and the forward scan the outputs for that. */
export function readTape(
  scan: Node<"scan">,
  roots: readonly Node[],
  inside: ReadonlySet<Node>,
  derivation: Derivation,
): Tape {
  const parts = scanParts(scan);
  const untaped = new Map([...derivation.taped].map(([before, after]) => [after as Node, before]));
  const original = (node: Node): Node => untaped.get(node) ?? node;
  const isForward = (node: Node): boolean =>
    inside.has(node) || (node.op === "result" && inside.has(original(node.operands[0]!)));
  const keeps = derivation.recompute ? isNeeded : isKept;
  const isThere = (node: Node): boolean => keeps(node) || parts.outputs.includes(node);
  const kept = frontier(roots, (node) => isForward(node) && isThere(node));

  const ownPosition = position();
  const known = new Map<Node, Node>();
  const outputs = [...parts.outputs];
  const indices: { node: Node; formal: Node<"element">; index: number }[] = [];
  const elements: ScanParts["elements"][number][] = [];
  const guards = guardsOf(scan);
  const again = makeAtStep(parts.axis, ownPosition);
  for (const node of kept) {
    if (node.op === "position") {
      known.set(node, ownPosition);
      continue;
    }
    const sequence = parts.elements.find((e) => e.formal === node)?.sequence;
    if (sequence) {
      const read = (from: Node): Node => {
        const formal = element(
          from.label ?? (node as Node<"element">).attributes.name,
          from.type,
          parts.axis,
        );
        elements.push({ formal, sequence: from });
        return formal;
      };
      known.set(node, derivation.recompute ? again(sequence, read) : read(sequence));
      continue;
    }
    // What only some steps need is kept of those; that is when it is read, too.
    const value = guarded(node, guards.get(node) ?? []);
    if (!outputs.includes(value)) outputs.push(value);
    const type = { dtype: node.type.dtype, axes: union(node.type.axes, [parts.axis]) };
    const formal = element(node.label ?? node.op, type, parts.axis);
    indices.push({ node, formal, index: outputs.indexOf(value) });
    known.set(node, formal);
  }
  const taped = outputs.length === parts.outputs.length ? scan : makeScan({ ...parts, outputs }, scan.label);
  if (taped !== scan) derivation.taped.set(scan, taped);
  for (const { formal, index } of indices) elements.push({ formal, sequence: scanOutput(taped, index) });
  const body = rewrite(roots, (node) => node, known);
  return { elements, position: ownPosition, body };
}

function guarded(node: Node, guards: readonly Guard[]): Node {
  const zero = constant(0, node.type.dtype === "tuple" ? "f32" : node.type.dtype);
  return guards.reduceRight(
    (value, { condition, taken }) =>
      taken ? select(condition, value, zero) : select(condition, zero, value),
    node,
  );
}

/** The first nodes on every way down from the roots for which `stop` holds. */
function frontier(roots: readonly Node[], stop: (node: Node) => boolean): Node[] {
  const found: Node[] = [];
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (stop(node)) {
      found.push(node);
      return;
    }
    for (const x of node.operands) visit(x);
    if (node.op === "scan") for (const x of bodyRoots(node)) visit(x);
  };
  for (const root of roots) visit(root);
  return found;
}

const dear: ReadonlySet<UnaryFunction | BinaryFunction> = new Set([
  "exp",
  "log",
  "sqrt",
  "sin",
  "cos",
  "sigmoid",
  "tanh",
  "softplus",
  "div",
  "pow",
] as const);

/** Whether a forward value cannot be computed again from others of its step. */
const isNeeded = ({ op }: Node): boolean =>
  op === "state" || op === "element" || op === "position" || op === "scan" || op === "result";

/** Whether a forward value is kept rather than computed again: what costs more than reading it. */
function isKept(node: Node): boolean {
  switch (node.op) {
    case "state":
    case "element":
    case "position":
    case "random":
    case "reduce":
    case "contract":
    case "gather":
    case "scatter":
    case "scan":
    case "result":
      return true;
    case "unary":
    case "binary":
      return dear.has(node.attributes.fn);
    case "input":
    case "param":
    case "constant":
    case "iota":
    case "length":
    case "select":
    case "broadcast":
    case "rename":
    case "stack":
    case "pick":
    case "slice":
    case "concat":
    case "place":
    case "shift":
    case "reverse":
    case "stop":
      return false;
    default:
      return node satisfies never;
  }
}
