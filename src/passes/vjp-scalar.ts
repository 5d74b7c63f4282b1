/**
 * Cotangents of scalar functions, from operands, result and the result's cotangent. Null: nothing flows, for the
 * derivative is 0 wherever there is one. Where a rule may use the result (sigmoid, tanh, exp, sqrt) it does, since
 * the result is what a scan's tape keeps.
 */
import { add, binary, broadcast, constant, div, mul, neg, select, sub, unary } from "../ir/graph/build.ts";
import type { BinaryFunction, Node, UnaryFunction } from "../ir/graph/types.ts";

type UnaryRule = (x: Node, y: Node, dy: Node) => Node;
type BinaryRule = (a: Node, b: Node, y: Node, dy: Node) => Node;

const zero = constant(0);
const one = constant(1);
const two = constant(2);

export const unaryRules: Readonly<Record<UnaryFunction, UnaryRule | null>> = {
  neg: (_x, _y, dy) => neg(dy),
  exp: (_x, y, dy) => mul(dy, y),
  log: (x, _y, dy) => div(dy, x),
  sqrt: (_x, y, dy) => div(dy, mul(two, y)),
  abs: (x, _y, dy) => mul(dy, unary("sign", x)),
  sign: null,
  floor: null,
  sin: (x, _y, dy) => mul(dy, unary("cos", x)),
  cos: (x, _y, dy) => neg(mul(dy, unary("sin", x))),
  sigmoid: (_x, y, dy) => mul(dy, mul(y, sub(one, y))),
  tanh: (_x, y, dy) => mul(dy, sub(one, mul(y, y))),
  softplus: (x, _y, dy) => mul(dy, unary("sigmoid", x)),
  step: null,
  not: null,
  float: null,
  int: null,
};

const where = (fn: BinaryFunction, a: Node, b: Node, dy: Node): Node => select(binary(fn, a, b), dy, zero);

export const binaryRules: Readonly<Record<BinaryFunction, readonly [BinaryRule | null, BinaryRule | null]>> =
  {
    add: [(_a, _b, _y, dy) => dy, (_a, _b, _y, dy) => dy],
    sub: [(_a, _b, _y, dy) => dy, (_a, _b, _y, dy) => neg(dy)],
    mul: [(_a, b, _y, dy) => mul(dy, b), (a, _b, _y, dy) => mul(dy, a)],
    div: [(_a, b, _y, dy) => div(dy, b), (_a, b, y, dy) => neg(mul(dy, div(y, b)))],
    pow: [powerBase, powerExponent],
    mod: [(_a, _b, _y, dy) => dy, (a, b, _y, dy) => neg(mul(dy, unary("floor", div(a, b))))],
    // of equals, the left one
    max: [(a, b, _y, dy) => where("ge", a, b, dy), (a, b, _y, dy) => where("lt", a, b, dy)],
    min: [(a, b, _y, dy) => where("le", a, b, dy), (a, b, _y, dy) => where("gt", a, b, dy)],
    lt: [null, null],
    le: [null, null],
    gt: [null, null],
    ge: [null, null],
    eq: [null, null],
    ne: [null, null],
    and: [null, null],
    or: [null, null],
  };

/** b·a^(b-1); 0 where b is 0, even at a = 0. A constant exponent needs no power at 1 and 2. */
function powerBase(a: Node, b: Node, y: Node, dy: Node): Node {
  const exponent = constantValue(b);
  if (exponent === 1) return dy;
  if (exponent === 2) return mul(dy, mul(two, a));
  if (exponent !== null && exponent !== 0)
    return mul(dy, mul(constant(exponent), binary("pow", a, constant(exponent - 1))));
  const slope = mul(b, binary("pow", a, sub(b, one)));
  return mul(dy, select(broadcast(binary("eq", b, zero), y.type.axes), zero, slope));
}

/** a^b·ln a, and 0 where a is not positive, for there the function is constant or has no derivative. */
function powerExponent(a: Node, _b: Node, y: Node, dy: Node): Node {
  const positive = binary("gt", a, zero);
  return select(positive, mul(dy, mul(y, unary("log", select(positive, a, one)))), zero);
}

function constantValue(node: Node): number | null {
  if (node.op === "broadcast") return constantValue(node.operands[0]!);
  return node.op === "constant" ? node.attributes.value : null;
}

/** The sum of cotangents of one value. */
export const sum = (terms: readonly Node[]): Node => terms.reduce((a, b) => add(a, b));
