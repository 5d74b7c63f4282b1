/**
 * What a `select` does not take has gradient exactly 0, even where it is infinite: `if x > 0 then log(x) else 0` at 0
 * must not become 0 · inf. So a selected cotangent `select(c, dy, 0)` stays outermost on its way down: rules see
 * `dy`, and what they make of it is selected. Where that cannot be (a sum over an axis of c), `guard` is left.
 */
import { binary, constant, select } from "../ir/graph/build.ts";
import { stepCondition } from "./guards.ts";
import type { BinaryFunction, Node, UnaryFunction } from "../ir/graph/types.ts";

const zero = constant(0);

export interface Selected {
  readonly condition: Node;
  readonly value: Node;
  /** Whether the value is what the condition takes, or what it leaves. */
  readonly taken: boolean;
}

/** The parts of a value that is 0 by choice in places. */
export function selected(dy: Node): Selected | null {
  if (dy.op !== "select") return null;
  const [asked, then, otherwise] = dy.operands as [Node, Node, Node];
  const condition = stepCondition(asked) ?? asked;
  const isWhole = (value: Node): boolean => value.type.axes.length === dy.type.axes.length;
  if (isZero(otherwise) && isWhole(then)) return { condition, value: then, taken: true };
  if (isZero(then) && isWhole(otherwise)) return { condition, value: otherwise, taken: false };
  return null;
}

const isZero = (node: Node): boolean => node.op === "constant" && node.attributes.value === 0;

export function reselect({ condition, taken }: Selected, value: Node): Node {
  return taken ? select(condition, value, zero) : select(condition, zero, value);
}

/** Brings terms that are selected alike together, so that their sum is again one selected value. */
export function joinSelected(terms: readonly Node[], sum: (terms: readonly Node[]) => Node): readonly Node[] {
  const groups: { of: Selected; terms: Node[] }[] = [];
  const rest: Node[] = [];
  for (const term of terms) {
    const of = selected(term);
    const group = of && groups.find((g) => g.of.condition === of.condition && g.of.taken === of.taken);
    if (group) group.terms.push(of.value);
    else if (of) groups.push({ of, terms: [of.value] });
    else rest.push(term);
  }
  if (groups.length + rest.length === terms.length) return terms;
  return [...groups.map((g) => reselect(g.of, sum(joinSelected(g.terms, sum)))), ...rest];
}

const singular: ReadonlySet<UnaryFunction | BinaryFunction> = new Set(["log", "sqrt", "div", "pow"] as const);

/** Where the derivative may be infinite, a cotangent of 0 stays 0. */
export function guard(node: Node, dy: Node, dx: Node): Node {
  if ((node.op !== "unary" && node.op !== "binary") || !singular.has(node.attributes.fn)) return dx;
  return select(binary("eq", dy, zero), zero, dx);
}
