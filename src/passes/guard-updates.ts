/**
 * guard-updates: what is added to a state at some steps only leaves it alone at the others.
 *
 *   next add %dU, (select %c, %1, 0)     becomes     next select %c, (add %dU, %1), %dU
 *
 * `%c` is a condition of the step (guards.ts): the gradient of a weight that a branch reads is summed up in the branch.
 *
 * Needs: differentiated graphs. Makes: such a sum is a choice between a new value and the old one.
 */
import * as build from "../ir/graph/build.ts";
import type { Graph, Node } from "../ir/graph/types.ts";
import { rewriteScans, resultsOf } from "./body.ts";
import { stepCondition } from "./guards.ts";
import type { Pass } from "./pass.ts";
import { isZero } from "./simplify-elementwise.ts";

export const guardUpdates: Pass = {
  name: "guard-updates",
  about: "Adds to a state only at the steps that have something to add.",
  run: (graph: Graph) =>
    rewriteScans(graph, (scan) => {
      const parts = build.scanParts(scan);
      const states = parts.states.map((s) => ({ ...s, next: guarded(s.formal, s.next) }));
      if (states.every((s, k) => s.next === parts.states[k]!.next)) return null;
      return resultsOf(build.scan({ ...parts, states }, scan.label));
    }),
};

function guarded(formal: Node, next: Node): Node {
  if (next.op !== "binary" || next.attributes.fn !== "add") return next;
  const [a, b] = next.operands as [Node, Node];
  const term = a === formal ? b : b === formal ? a : null;
  if (term?.op !== "select" || !build.sameAxes(term.type.axes, formal.type.axes)) return next;
  const [condition, yes, no] = term.operands as [Node, Node, Node];
  if (!stepCondition(condition)) return next;
  const plus = (x: Node): Node => build.add(formal, build.broadcast(x, formal.type.axes));
  if (isZero(no)) return build.select(condition, plus(yes), formal);
  return isZero(yes) ? build.select(condition, formal, plus(no)) : next;
}
