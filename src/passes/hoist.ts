/**
 * hoist: what does not depend on the carried state leaves the loop and gains the scanned axis.
 *
 *   %s = scan [T] {                          becomes     %1 = contract [d] %X, %W
 *     state h %h = %h0                                   %2 = add %1, %b
 *     element x %x = %X                                  %s = scan [T] {
 *     %1 = contract [d] %x, %W                             state h %h = %h0
 *     %2 = contract [n] %h, %U                             element b %e = %2
 *     %3 = add (add %1, %2), %b                            %3 = add %e, (contract [n] %h, %U)
 *     next %3                                              next %3
 *   }                                                    }
 *
 * With named axes this is `lift`: the same ops over the sequences instead of their elements (lift.ts). Only what
 * holds something heavy leaves; an elementwise chain stays, where it fuses. Padding is undefined, so that
 * computing it too is harmless. A sum over the batch stays: it is small inside and large over all steps.
 *
 * Needs: simplified graphs do best. Makes true: no heavy value in a body is independent of the scan's states, but
 * for sums over the batch; in a sum, what was hoisted comes first, then products, then the rest.
 */
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import { bodyRoots, rewrite } from "../ir/graph/walk.ts";
import { guardsOf } from "./guards.ts";
import { binders, dependence, fit, meets, readers, reads, rewriteScans, type Replacement } from "./body.ts";
import { lifter, liftable } from "./lift.ts";
import type { Pass } from "./pass.ts";

export const hoist: Pass = {
  name: "hoist",
  about: "Moves what does not depend on the carried state out of the loop, over all steps at once.",
  run: (graph) => rewriteScans(graph, (scan) => hoistFrom(reassociate(scan))),
};

const heavyOps: ReadonlySet<Node["op"]> = new Set([
  "contract",
  "gather",
  "scatter",
  "reduce",
  "scan",
  "random",
]);

/** What the pass knows of the values of one body. */
interface Analysis {
  /** Belongs to the body. */
  readonly inside: (node: Node) => boolean;
  /** Inside, and can be computed over all steps at once. */
  readonly free: (node: Node) => boolean;
  /** Inside, and something heavy inside goes into it. */
  readonly heavy: (node: Node) => boolean;
  readonly reads: (node: Node) => readonly Node[];
}

function analyse(scan: Node<"scan">): Analysis {
  const depends = dependence();
  const bound = binders(scan);
  const states = new Set(scan.attributes.states.map((s) => s.formal as Node));
  const inside = (node: Node): boolean => meets(depends(node), bound);
  const read = memo((node: Node) => reads(node, depends));
  const free: (node: Node) => boolean = memo(
    (node) =>
      inside(node) &&
      !meets(depends(node), states) &&
      liftable(node, scan.attributes.axis) &&
      read(node).every((x) => !inside(x) || free(x)),
  );
  const heavy: (node: Node) => boolean = memo(
    (node) => inside(node) && (heavyOps.has(node.op) || read(node).some(heavy)),
  );
  return { inside, free, heavy, reads: read };
}

/** A scan without what can leave it, or null if nothing can. What only some steps need (guards.ts) stays. */
function hoistFrom(scan: Node<"scan">): Replacement | null {
  const { inside, free, heavy, reads } = analyse(scan);
  const { axis, outputs } = scan.attributes;

  const leaving = new Set<Node>();
  const seen = new Set<Node>();
  const guards = guardsOf(scan);
  const visit = (node: Node): void => {
    if (seen.has(node) || !inside(node)) return;
    seen.add(node);
    // What is needed at some steps only would be computed at all of them.
    if (!free(node) || guards.has(node)) reads(node).forEach(visit);
    else if (heavy(node)) leaving.add(peel(node, (x) => free(x) && heavy(x)));
  };
  for (const { next } of scan.attributes.states) visit(next);
  // An output that no state goes into is computed outside altogether, and leaves no trace in the loop.
  for (const output of outputs) if (!free(output)) visit(output);
  const departed = outputs.map((output) => free(output) || !inside(output));
  if (leaving.size === 0 && !departed.includes(true)) return null;

  const lift = lifter(scan);
  const parts = build.scanParts(scan);
  const entering = [...leaving].map((node) => {
    const sequence = build.broadcast(lift(node), [axis]);
    return { node, sequence, formal: build.element(nameOf(node), sequence.type, axis) };
  });
  const substitute = new Map<Node, Node>(entering.map((e) => [e.node, e.formal]));
  const kept = outputs.filter((_, k) => !departed[k]);
  const roots = rewrite([...parts.states.map((s) => s.next), ...kept], (node) => node, substitute);
  const made = build.scan(
    {
      ...parts,
      states: parts.states.map((s, k) => ({ ...s, next: roots[k]! })),
      elements: [...parts.elements, ...entering],
      outputs: roots.slice(parts.states.length),
    },
    scan.label,
  );
  return {
    final: (index) => build.finalState(made, index),
    output: (index) =>
      departed[index]
        ? build.broadcast(lift(outputs[index]!), [axis])
        : build.scanOutput(made, departed.slice(0, index).filter((gone) => !gone).length),
  };
}

/** Goes below what only repeats or takes a part, which costs nothing inside and memory outside. */
function peel(node: Node, worthwhile: (node: Node) => boolean): Node {
  const takesPart =
    node.op === "broadcast" || node.op === "pick" || node.op === "slice" || node.op === "rename";
  const below = node.operands[0];
  return takesPart && below && worthwhile(below) ? peel(below, worthwhile) : node;
}

/** After a parameter that goes into it, so that people recognise what is computed outside. */
function nameOf(node: Node): string {
  let found: Node = node;
  while (found.op !== "param" && found.operands.length > 0) {
    const operands: readonly Node[] = found.operands;
    found = operands.find((x) => x.op === "param") ?? operands[0]!;
  }
  return node.label ?? (found.op === "param" ? found.attributes.name : node.op);
}

/**
 * Brings the terms of each sum in the order: what can leave, products, the rest; so `(x·W + h·U) + b` becomes
 * `(x·W + b) + h·U`. The order among equals stays. Only sums that hold a heavy term that can leave are touched.
 */
function reassociate(scan: Node<"scan">): Node<"scan"> {
  const { inside, free, heavy } = analyse(scan);
  const roots = bodyRoots(scan);
  const counts = readers(roots);
  const isSum = (node: Node | undefined): boolean =>
    node?.op === "binary" && node.attributes.fn === "add" && node.type.dtype === "f32";
  const inner = new Set<Node>();
  const parents = new Set<Node>(collectSums(roots, isSum));
  for (const sum of parents) for (const x of sum.operands) if (isSum(x) && counts.get(x) === 1) inner.add(x);

  const terms = new Map<Node, readonly Node[]>();
  const rank = (node: Node): number => (!inside(node) || free(node) ? 0 : isProduct(node) ? 1 : 2);
  const result = rewrite(roots, (node, original) => {
    if (!parents.has(original) || !inside(node)) return node;
    const all = node.operands.flatMap((x) => terms.get(x) ?? [x]);
    if (inner.has(original)) {
      terms.set(node, all);
      return node;
    }
    if (!all.some((x) => free(x) && heavy(x)) || all.every((x) => rank(x) === 0)) return node;
    const sorted = [...all].sort((a, b) => rank(a) - rank(b));
    return isLeftSum(node, sorted)
      ? node
      : sorted.reduce((a, b) => build.add(...(fit([a, b]) as [Node, Node])));
  });
  if (result.every((x, k) => x === roots[k])) return scan;
  const parts = build.scanParts(scan);
  return build.scan(
    {
      ...parts,
      states: parts.states.map((s, k) => ({ ...s, next: result[k]! })),
      outputs: result.slice(parts.states.length),
    },
    scan.label,
  );
}

function collectSums(roots: readonly Node[], isSum: (node: Node) => boolean): Node[] {
  const found: Node[] = [];
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (isSum(node)) found.push(node);
    node.operands.forEach(visit);
    if (node.op === "scan") bodyRoots(node).forEach(visit);
  };
  roots.forEach(visit);
  return found;
}

function isProduct(node: Node): boolean {
  return node.op === "contract" || (node.op === "rename" && isProduct(node.operands[0]!));
}

/** Whether a sum already is `((t0 + t1) + t2) + …`. */
function isLeftSum(node: Node, terms: readonly Node[]): boolean {
  let rest = node;
  for (let k = terms.length - 1; k > 0; k--) {
    if (rest.op !== "binary" || rest.operands[1] !== terms[k]) return false;
    rest = rest.operands[0]!;
  }
  return rest === terms[0];
}

function memo<T>(compute: (node: Node) => T): (node: Node) => T {
  const known = new Map<Node, T>();
  return (node) => {
    if (!known.has(node)) known.set(node, compute(node));
    return known.get(node)!;
  };
}
