/**
 * Cotangents of reductions. `dy` lacks the reduced axes; what is constant along them is broadcast in the walk.
 */
import {
  binary,
  constant,
  div,
  iota,
  mul,
  reduce,
  select,
  sub,
  unary,
  broadcast,
} from "../ir/graph/build.ts";
import type { Axis, Node, ReduceFunction } from "../ir/graph/types.ts";

type Rule = (x: Node, y: Node, dy: Node, axes: readonly Axis[]) => Node;

const zero = constant(0);
const one = constant(1);

export const reduceRules: Readonly<Record<ReduceFunction, Rule | null>> = {
  sum: (_x, _y, dy) => dy,
  prod: product,
  max: maximum,
  logsumexp,
  argmax: null,
};

/** The softmax of x; 0 where all of x is -inf, since x - y would be NaN there. */
function logsumexp(x: Node, y: Node, dy: Node): Node {
  const finite = select(binary("eq", y, constant(-Infinity)), zero, y);
  return mul(unary("exp", sub(x, finite)), dy);
}

/** To the lowest index of equals. Over several axes, a maximum of maxima. */
function maximum(x: Node, _y: Node, dy: Node, axes: readonly Axis[]): Node {
  const axis = axes[0]!;
  const rest = axes.slice(1);
  const inner = reduce("max", x, rest);
  const best = broadcast(reduce("argmax", inner, [axis]), inner.type.axes);
  const dinner = select(binary("eq", iota(axis), best), dy, zero);
  return rest.length === 0 ? dinner : maximum(x, inner, dinner, rest);
}

/**
 * The product of the others: y / x, but where some x is 0 the product without it, if it is the only zero.
 */
function product(x: Node, _y: Node, dy: Node, axes: readonly Axis[]): Node {
  const isZero = binary("eq", x, zero);
  const others = select(isZero, one, x);
  const nonzero = reduce("prod", others, axes);
  const zeros = reduce("sum", unary("float", isZero), axes);
  const alone = select(binary("eq", zeros, one), nonzero, zero);
  const none = select(binary("eq", zeros, zero), nonzero, zero);
  return mul(select(isZero, alone, div(none, others)), dy);
}
