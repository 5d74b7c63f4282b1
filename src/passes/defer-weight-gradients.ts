/**
 * defer-weight-gradients: a sum over steps that nothing in the loop reads becomes one sum after it.
 *
 *   %s = scan [T] reverse {                   becomes     %s = scan [T] reverse {
 *     state dU %dU = 0                                      …
 *     element h %h = %H                                     output %dg
 *     …                                                   }
 *     next add %dU, (contract [B] %dg, %h)                %1 = output 0 %s
 *   }                                                     %2 = contract [T, B] %1, %H
 *   %1 = final 0 %s
 *
 * A thin product a step becomes one large product over all steps and examples (Appleyard et al. 2016, §3.3), whose
 * operands are sequences that mostly exist anyway. Sums are linear, so the sum over steps passes through what
 * only rearranges, and splits at additions.
 *
 * Needs: autodiff's accumulators; simplify afterwards merges products over the same sequences. Makes true: no scan
 * carries a state that only accumulates, but for sums that would count steps after an example's end.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { bodyRoots, rebuild } from "../ir/graph/walk.ts";
import { binders, dependence, meets, readers, rebuildWider, rewriteScans, type Replacement } from "./body.ts";
import { stepCondition } from "./guards.ts";
import type { Pass } from "./pass.ts";

export const deferWeightGradients: Pass = {
  name: "defer-weight-gradients",
  about: "Turns sums over steps that nothing in the loop reads into one sum after the loop.",
  run: (graph) => rewriteScans(graph, deferFrom),
};

function deferFrom(scan: Node<"scan">): Replacement | null {
  const parts = build.scanParts(scan);
  const counts = readers(bodyRoots(scan));
  const planner = plan(scan);
  const sums = parts.states.map(({ formal, next }) => {
    if (counts.get(formal) !== 1) return null;
    const terms = termsBeside(formal, next, counts);
    return terms && terms.length > 0 && terms.every(planner.deferrable) ? terms : null;
  });
  if (sums.every((terms) => terms === null)) return null;

  // First every term says which sequences it wants, then the scan is made, then the sums read them.
  const wanted: Node[] = [];
  const later = sums.map((terms) => terms?.map((term) => planner.sum(term, wanted)));
  planner.settle(parts.outputs, wanted);
  const outputs = [...parts.outputs, ...wanted];
  const made = build.scan({ ...parts, states: parts.states.filter((_, k) => !sums[k]), outputs }, scan.label);
  const sequence = (node: Node): Node => build.scanOutput(made, parts.outputs.length + wanted.indexOf(node));
  return {
    output: (index) => build.scanOutput(made, index),
    final: (index) => {
      const terms = later[index];
      if (!terms) return build.finalState(made, sums.slice(0, index).filter((x) => x === null).length);
      return terms.reduce((sum, term) => build.add(sum, term(sequence)), parts.states[index]!.start);
    },
  };
}

/** The terms of `next` beside the state itself, or null if `next` is not a sum with it that only the state reads. */
function termsBeside(formal: Node, next: Node, counts: ReadonlyMap<Node, number>): readonly Node[] | null {
  if (next.op !== "binary" || next.type.dtype !== "f32" || counts.get(next) !== 1) return null;
  const [a, b] = next.operands as [Node, Node];
  const { fn } = next.attributes;
  if (fn !== "add" && fn !== "sub") return null;
  const right = fn === "add" ? b : build.neg(b);
  if (a === formal) return [right];
  if (b === formal && fn === "add") return [a];
  const left = termsBeside(formal, a, counts);
  if (left) return [...left, right];
  const rest = fn === "add" ? termsBeside(formal, b, counts) : null;
  return rest && [a, ...rest];
}

/** A value after the loop, given the sequences of body values. */
type Later = (sequence: (node: Node) => Node) => Node;

function plan(scan: Node<"scan">) {
  const { axis } = scan.attributes;
  const sequences = new Map<Node, Node>(build.scanParts(scan).elements.map((e) => [e.formal, e.sequence]));
  const depends = dependence();
  const bound = binders(scan);
  const inside = (node: Node): boolean => meets(depends(node), bound);
  /** What the number of steps differs between. */
  const examples = build.lengthAxes(axis);

  /** Whether each step's part counts the right examples when it is summed over all steps. */
  const countsRight = (node: Node, over: readonly Axis[]): boolean =>
    examples.every((x) => over.includes(x) || build.hasAxis(node, x));

  const deferrable = (node: Node): boolean => {
    if (node.type.dtype !== "f32" || !inside(node)) return false;
    // Computed at some steps only, it had better stay there.
    if (node.op === "select" && stepCondition(node.operands[0]!)) return false;
    if (passesThrough(node)) return node.operands.every(deferrable);
    if (node.op === "reduce" && node.attributes.fn === "sum") return countsRight(node, node.attributes.axes);
    if (node.op === "contract") return countsRight(node, node.attributes.axes);
    if (node.op === "scatter") return countsRight(node, node.attributes.over);
    return countsRight(node, []);
  };

  const want = (x: Node, wanted: Node[]): Later => {
    if (!inside(x)) return () => x;
    if (!wanted.includes(x)) wanted.push(x);
    return (sequence) => sequence(x);
  };

  /** Values of single elements that are summed: whether they are kept for all steps is decided when all else is known. */
  const open: { readonly node: Node; later: Later | null }[] = [];
  const summand = (node: Node): Later => {
    const entry: (typeof open)[number] = { node, later: null };
    open.push(entry);
    return (sequence) => entry.later!(sequence);
  };

  /**
   * A value over all steps from sequences that there are anyway; null where it would need others. `found` gathers the values
   * of the body that are read.
   */
  const again = (node: Node, kept: ReadonlyMap<Node, Kept>, found: Set<Node>): Later | null => {
    if (!inside(node)) return () => node;
    const own = sequences.get(node);
    if (own) {
      found.add(node);
      return () => own;
    }
    const known = kept.get(node);
    if (known) {
      found.add(known.within);
      return known.later;
    }
    const operands = isCheap(node) ? node.operands.map((x) => again(x, kept, found)) : [null];
    if (operands.includes(null)) return null;
    return (sequence) =>
      rebuildWider(
        node,
        operands.map((x) => x!(sequence)),
      );
  };

  /** Decides what is kept besides the scan's outputs and what products want. */
  const settle = (outputs: readonly Node[], wanted: Node[]): void => {
    const kept = new Map([...outputs, ...wanted].flatMap(keptWith));
    for (const entry of open) {
      const { node } = entry;
      const found = new Set<Node>();
      const later = again(node, kept, found);
      const large = [...found].filter((x) => x.type.axes.length >= node.type.axes.length);
      if (later && large.length <= mostLarge) {
        for (const x of found) if (!sequences.has(x)) want(x, wanted);
        entry.later = later;
      } else entry.later = want(node, wanted);
    }
  };

  /** Plans the sum of a value over all steps; pushes onto `wanted` the body values whose sequences it reads. */
  const sum = (node: Node, wanted: Node[]): Later => {
    if (passesThrough(node)) {
      const operands = node.operands.map((x) => sum(x, wanted));
      return (sequence) =>
        rebuild(
          node,
          operands.map((x) => x(sequence)),
        );
    }
    if (node.op === "reduce" && node.attributes.fn === "sum") {
      const x = summand(node.operands[0]!);
      return (sequence) => build.reduce("sum", x(sequence), [axis, ...node.attributes.axes]);
    }
    const product = asProduct(node);
    if (product) {
      const [a, b] = [want(product.a, wanted), want(product.b, wanted)];
      return (sequence) => {
        const values = [a(sequence), b(sequence)] as const;
        // An operand that is the same at all steps goes beside the sum over steps of the other; the steps that count
        // differ between examples, so that sum is one for each example.
        const [x, y] = values.map((v, k) => {
          const other = values[1 - k]!;
          if (!build.hasAxis(v, axis) || build.hasAxis(other, axis)) return v;
          const own = examples.filter((x) => build.hasAxis(other, x));
          return build.reduce("sum", build.broadcast(v, own), [axis]);
        }) as [Node, Node];
        const over = build.hasAxis(x, axis) ? [axis, ...product.axes] : product.axes;
        return build.broadcast(build.contract(x, y, over), node.type.axes);
      };
    }
    if (node.op === "scatter") {
      const [indices, updates] = node.operands.map((x) => want(x, wanted)) as [Later, Later];
      return (sequence) =>
        build.scatter(indices(sequence), updates(sequence), node.attributes.axis, [
          axis,
          ...node.attributes.over,
        ]);
    }
    const x = summand(node);
    return (sequence) => build.reduce("sum", x(sequence), [axis]);
  };
  return { deferrable, sum, settle };
}

/** A value of the body that is kept for all steps, by itself or within another. */
interface Kept {
  readonly within: Node;
  readonly later: Later;
}

/** What is known of all steps where this is kept: of a stack, its parts too. */
function keptWith(node: Node): [Node, Kept][] {
  const whole: [Node, Kept] = [node, { within: node, later: (sequence) => sequence(node) }];
  if (node.op !== "stack") return [whole];
  const { axis } = node.attributes;
  const parts = node.operands.map((x, k): [Node, Kept] => [
    x,
    { within: node, later: (sequence) => build.pick(sequence(node), axis, k) },
  ]);
  return [whole, ...parts];
}

/** Sequences as large as a value that are read to compute it again: to keep it is to store it and to read it. */
const mostLarge = 3;

/** Arithmetic that takes no longer than to load what it works on. */
function isCheap(node: Node): boolean {
  if (node.type.dtype !== "f32") return false;
  if (node.op === "unary") return node.attributes.fn === "neg";
  if (node.op === "binary") return ["add", "sub", "mul"].includes(node.attributes.fn);
  return node.op === "broadcast" || node.op === "rename" || node.op === "pick" || node.op === "slice";
}

/** Ops that a sum over steps passes through: linear, and each operand a summand or a part of the result. */
function passesThrough(node: Node): boolean {
  switch (node.op) {
    case "binary":
      return (
        (node.attributes.fn === "add" || node.attributes.fn === "sub") &&
        node.operands.every((x) => x.type.axes.length === node.type.axes.length)
      );
    case "unary":
      return node.attributes.fn === "neg";
    case "broadcast":
    case "rename":
    case "stack":
    case "pick":
    case "slice":
    case "concat":
    case "place":
      return true;
    default:
      return false;
  }
}

/** A contraction, or a product of which both operands are repeated (an outer product a step), as a contraction. */
function asProduct(node: Node): { a: Node; b: Node; axes: readonly Axis[] } | null {
  const [a, b] = node.operands as [Node, Node];
  if (node.op === "contract") return { a, b, axes: node.attributes.axes };
  if (node.op !== "binary" || node.attributes.fn !== "mul") return null;
  if (a.op !== "broadcast" && b.op !== "broadcast") return null;
  const bare = (x: Node): Node => (x.op === "broadcast" ? x.operands[0]! : x);
  const [x, y] = [bare(a), bare(b)];
  const [n, m] = [x.type.axes.length, y.type.axes.length];
  const full = node.type.axes.length;
  return n < full && m < full ? { a: x, b: y, axes: [] } : null;
}
