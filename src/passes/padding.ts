/**
 * What values hold past an example's end: the analysis behind mask-padding.
 *
 * Per value and ragged axis: `zero`, `finite` (some number, not known) or `any` (perhaps NaN or infinite). What lies
 * within the lengths is taken to be finite. For a value in the body of a scan over the axis, its padding is what it
 * holds in the steps past an example's end. The runtime zeroes inputs, and a backend stores scan outputs as zero
 * past the end.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, BinaryFunction, Graph, Node, UnaryFunction } from "../ir/graph/types.ts";
import { axesOf, formals, nodesOf } from "../ir/graph/walk.ts";
import { dependence } from "./body.ts";

export type Padding = "zero" | "finite" | "any";

const worse: Readonly<Record<Padding, number>> = { zero: 0, finite: 1, any: 2 };

export function worst(...all: readonly Padding[]): Padding {
  return all.reduce((a, b) => (worse[b] > worse[a] ? b : a), "zero");
}

export interface PaddingAnalysis {
  readonly padding: (node: Node, axis: Axis) => Padding;
  /** The scans in whose bodies a node lies. */
  readonly enclosing: (node: Node) => readonly Node<"scan">[];
}

export function analysePadding(graph: Graph): PaddingAnalysis {
  const owner = new Map<Node | Axis, Node<"scan">>();
  const sequenceOf = new Map<Node, Node>();
  const stateOf = new Map<Node, { readonly start: Node; readonly next: Node }>();
  for (const scan of nodesOf(graph, "scan")) {
    const { states, elements } = build.scanParts(scan);
    for (const s of states) stateOf.set(s.formal, s);
    for (const e of elements) sequenceOf.set(e.formal, e.sequence);
    for (const formal of formals(scan)) owner.set(formal, scan);
  }
  const depends = dependence();
  const enclosing = (node: Node): readonly Node<"scan">[] => {
    const found = new Set<Node<"scan">>();
    const visit = (x: Node): void => {
      for (const binder of depends(x)) {
        const scan = owner.get(binder);
        if (!scan || found.has(scan)) continue;
        found.add(scan);
        visit(scan);
      }
    };
    visit(node);
    return [...found];
  };

  // States go in circles: they are taken to be as their starts until a round finds one worse.
  const assumed = new Map<string, Padding>();
  let known = new Map<Node, Map<Axis, Padding>>();
  const ids = new Map<Node | Axis, number>();
  const id = (x: Node | Axis): number => {
    if (!ids.has(x)) ids.set(x, ids.size);
    return ids.get(x)!;
  };

  const padding = (node: Node, axis: Axis): Padding => {
    let row = known.get(node);
    if (!row) known.set(node, (row = new Map()));
    let found = row.get(axis);
    if (found === undefined) row.set(axis, (found = compute(node, axis)));
    return found;
  };
  const inLoop = (node: Node, axis: Axis): boolean =>
    enclosing(node).some((scan) => scan.attributes.axis === axis);

  const compute = (node: Node, axis: Axis): Padding => {
    const isWithin = (condition: Node): boolean => saysWithin(condition, axis, (at) => owner.get(at));
    // A value without the axis has no padding along it, and one without examples none at all.
    const hasPadding = build.hasAxis(node, axis) || inLoop(node, axis);
    if (!hasPadding || !build.hasAxis(node, build.batch)) return constantPadding(node);
    const of = (k: number): Padding => padding(node.operands[k]!, axis);
    const all = (): Padding => worst(...node.operands.map((_, k) => of(k)));
    switch (node.op) {
      case "input":
        return "zero";
      case "constant":
        return constantPadding(node);
      case "param":
      case "iota":
      case "length":
      case "random":
      case "position":
        return "finite";
      case "state": {
        if (owner.get(node)?.attributes.axis === axis) return "finite"; // It holds past the end.
        return assumed.get(`${id(node)} ${id(axis)}`) ?? padding(stateOf.get(node)!.start, axis);
      }
      case "element":
        return padding(sequenceOf.get(node)!, axis);
      case "unary":
        return unaryPadding(node.attributes.fn, of(0));
      case "binary":
        return binaryPadding(node.attributes.fn, of(0), of(1), node.operands[1]!);
      case "select":
        return isWithin(node.operands[0]!) ? of(2) : worst(of(1), of(2));
      case "broadcast":
      case "stop":
      case "pick":
      case "slice":
      case "stack":
      case "concat":
      case "place":
        return all();
      case "rename":
        return padding(node.operands[0]!, axis === node.attributes.to ? node.attributes.from : axis);
      case "reduce": {
        if (node.attributes.fn === "argmax") return "finite";
        if (node.attributes.fn === "sum") return all();
        const never = node.attributes.axes.some((x) => x.size.kind !== "fixed" || x.size.size === 0);
        // Over nothing prod is 1, max and logsumexp are -inf.
        if (node.attributes.fn === "prod") return never ? worst("finite", all()) : all();
        return never ? "any" : node.attributes.fn === "max" ? all() : worst("finite", all());
      }
      case "contract":
        return productPadding(of(0), of(1));
      case "gather": {
        const [table, indices] = node.operands as [Node, Node];
        if (!build.hasAxis(indices, axis) && !inLoop(indices, axis)) return of(0);
        // An index from the padding is an arbitrary one: it gives any element of the table, or 0.
        const along = node.attributes.axis;
        return worst("finite", of(0), build.isRagged(along) ? padding(table, along) : "zero");
      }
      case "scatter":
        return of(1);
      case "shift": {
        const filler = constantPadding(build.constant(node.attributes.filler));
        return worst(node.attributes.axis === axis ? "finite" : "zero", filler, of(0));
      }
      case "reverse":
        // Along the axis itself, values from within may end up past the end.
        return node.attributes.axis === axis ? worst("finite", of(0)) : of(0);
      case "scan":
        return "any";
      case "result": {
        const scan = node.operands[0] as Node<"scan">;
        const { part, index } = node.attributes;
        if (part === "output")
          return scan.attributes.axis === axis ? "zero" : padding(scan.attributes.outputs[index]!, axis);
        return worst(
          padding(scan.operands[index]!, axis),
          padding(scan.attributes.states[index]!.next, axis),
        );
      }
      default:
        return node satisfies never;
    }
  };

  const axes = axesOf(graph).filter(build.isRagged);
  for (let changed = true; changed;) {
    changed = false;
    known = new Map();
    for (const [formal, { start, next }] of stateOf)
      for (const axis of axes) {
        if (owner.get(formal)?.attributes.axis === axis) continue;
        const before = padding(formal, axis);
        const after = worst(before, padding(start, axis), padding(next, axis));
        if (after === before) continue;
        assumed.set(`${id(formal)} ${id(axis)}`, after);
        changed = true;
      }
  }
  return { padding, enclosing };
}

/** Of a value that is the same in the padding as elsewhere. */
function constantPadding(node: Node): Padding {
  if (node.op === "broadcast") return constantPadding(node.operands[0]!);
  if (node.op !== "constant") return "finite";
  return node.attributes.value === 0 ? "zero" : Number.isFinite(node.attributes.value) ? "finite" : "any";
}

function productPadding(a: Padding, b: Padding): Padding {
  if (a === "any" || b === "any") return "any";
  return a === "zero" || b === "zero" ? "zero" : "finite";
}

function unaryPadding(fn: UnaryFunction, x: Padding): Padding {
  if (x === "any") return fn === "step" || fn === "not" || fn === "int" ? "finite" : "any";
  switch (fn) {
    case "neg":
    case "sqrt":
    case "abs":
    case "sign":
    case "floor":
    case "sin":
    case "tanh":
    case "step":
    case "float":
    case "int":
      return fn === "sqrt" && x !== "zero" ? "any" : x;
    case "cos":
    case "sigmoid":
    case "softplus":
    case "not":
      return "finite";
    case "exp":
      return x === "zero" ? "finite" : "any";
    case "log":
      return "any";
    default:
      return fn satisfies never;
  }
}

function binaryPadding(fn: BinaryFunction, a: Padding, b: Padding, right: Node): Padding {
  const divisor = right.op === "broadcast" ? right.operands[0]! : right;
  const scale = divisor.op === "constant" ? divisor.attributes.value : null;
  switch (fn) {
    case "add":
    case "sub":
    case "max":
    case "min":
      return worst(a, b);
    case "mul":
      return productPadding(a, b);
    case "div":
    case "mod":
      return scale !== null && scale !== 0 && Number.isFinite(scale) ? a : "any";
    case "pow":
      return scale !== null && scale > 0 && Number.isInteger(scale) ? a : "any";
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "eq":
    case "ne":
    case "and":
    case "or":
      return "finite";
    default:
      return fn satisfies never;
  }
}

/** Whether a condition says "within the length of the axis", as mask-padding writes it. */
function saysWithin(node: Node, axis: Axis, owner: (at: Node) => Node<"scan"> | undefined): boolean {
  if (node.op !== "binary" || node.attributes.fn !== "lt") return false;
  const [at, end] = node.operands.map((x) => (x.op === "broadcast" ? x.operands[0]! : x)) as [Node, Node];
  const along =
    at.op === "iota" ? at.attributes.axis : at.op === "position" ? owner(at)?.attributes.axis : null;
  return along === axis && end.op === "length" && end.attributes.axis === axis;
}
