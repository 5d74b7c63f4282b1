/**
 * simplify's rules for scalar functions: constants are folded, repetition along an axis is postponed until after the
 * arithmetic, then identities.
 */
import * as build from "../ir/graph/build.ts";
import { binaryFunctions, unaryFunctions } from "../ir/graph/eval-scalar.ts";
import type { BinaryFunction, DType, Node, Type, UnaryFunction } from "../ir/graph/types.ts";
import { rebuild } from "../ir/graph/walk.ts";
import { combinePlaces } from "./combine-places.ts";
import type { PartAxis } from "./part-axis.ts";
import type { Rule } from "./simplify.ts";

/** The number that a value is everywhere, if it is a constant. */
export function constantOf(node: Node): number | null {
  if (node.op === "broadcast") return constantOf(node.operands[0]!);
  return node.op === "constant" ? node.attributes.value : null;
}

export const isZero = (node: Node): boolean => constantOf(node) === 0;

export const zeros = (type: Type): Node => build.filled(0, type);

const dtypeOf = (node: Node): DType => node.type.dtype as DType;

const isUnary = (node: Node, fn: UnaryFunction): boolean => node.op === "unary" && node.attributes.fn === fn;

/** f(repeated x, repeated y) = repeated f(x, y), and an operand beside one that has all axes needs no repeating. */
function postponeBroadcast(node: Node): Node {
  const { operands } = node;
  if (!operands.some((x) => x.op === "broadcast")) return node;
  const bare = operands.map((x) => (x.op === "broadcast" ? x.operands[0]! : x));
  const axes = build.union(...bare.map((x) => x.type.axes));
  if (bare.some((x) => x.type.axes.length === axes.length))
    return build.broadcast(rebuild(node, bare), node.type.axes);
  const isFull = (x: Node): boolean => x.type.axes.length === node.type.axes.length;
  const kept = [...operands];
  for (let k = 0; k < kept.length; k++)
    if (kept[k] !== bare[k] && kept.some((x, j) => j !== k && isFull(x))) kept[k] = bare[k]!;
  return rebuild(node, kept);
}

function simplifyUnary(node: Node<"unary">): Node {
  const { fn } = node.attributes;
  const x = node.operands[0]!;
  const value = constantOf(x);
  if (value !== null) return folded(node, unaryFunctions[fn](value));
  if (x.op === "unary" && x.attributes.fn === fn) {
    if (fn === "neg" || fn === "not") return x.operands[0]!;
    if (fn === "abs" || fn === "sign" || fn === "floor" || fn === "step") return x;
  }
  return postponeBroadcast(node);
}

/** The constant, if the folding gives a number. */
function folded(node: Node, value: number): Node {
  return Number.isNaN(value) ? node : build.broadcast(build.constant(value, dtypeOf(node)), node.type.axes);
}

function foldBinary(node: Node<"binary">, a: number, b: number): number {
  const { fn } = node.attributes;
  const value = binaryFunctions[fn](a, b);
  if (node.operands[0]!.type.dtype !== "i32" || node.type.dtype === "bool") return value;
  // i32 wraps around; a division by zero stays for run time.
  const whole = Math.trunc(value);
  return Number.isFinite(whole) && Math.abs(whole) < 2 ** 31 ? whole : NaN;
}

type Identity = (a: Node, b: Node) => Node | null;

/** What a function of two operands is if one is special; the result may lack axes. Null: nothing to say. */
const identities: Readonly<Record<BinaryFunction, Identity>> = {
  add: (a, b) => {
    if (isZero(b)) return a;
    if (isZero(a)) return b;
    if (isUnary(b, "neg")) return build.sub(a, b.operands[0]!);
    if (isUnary(a, "neg")) return build.sub(b, a.operands[0]!);
    return null;
  },
  sub: (a, b) => {
    if (isZero(b)) return a;
    if (isZero(a)) return build.neg(b);
    if (isUnary(b, "neg")) return build.add(a, b.operands[0]!);
    return null;
  },
  mul: (a, b) => {
    if (isZero(a)) return a;
    if (isZero(b)) return b;
    if (constantOf(a) === 1) return b;
    if (constantOf(b) === 1) return a;
    if (constantOf(a) === -1) return build.neg(b);
    if (constantOf(b) === -1) return build.neg(a);
    if (isUnary(a, "neg") && isUnary(b, "neg")) return build.mul(a.operands[0]!, b.operands[0]!);
    return null;
  },
  div: (a, b) => {
    if (constantOf(b) === 1) return a;
    if (isZero(a) && a.type.dtype === "f32") return a;
    return null;
  },
  pow: (a, b) => {
    if (a.type.dtype !== "f32") return null;
    if (constantOf(b) === 1) return a;
    if (constantOf(b) === 2) return build.mul(a, a);
    return null;
  },
  mod: (a, b) => (constantOf(b) === 1 && a.type.dtype === "i32" ? build.constant(0, "i32") : null),
  max: (a, b) => (a === b || constantOf(b) === -Infinity ? a : constantOf(a) === -Infinity ? b : null),
  min: (a, b) => (a === b || constantOf(b) === Infinity ? a : constantOf(a) === Infinity ? b : null),
  lt: () => null,
  le: () => null,
  gt: () => null,
  ge: () => null,
  eq: () => null,
  ne: () => null,
  and: (a, b) => {
    if (a === b || isZero(a) || constantOf(b) === 1) return a;
    return isZero(b) || constantOf(a) === 1 ? b : null;
  },
  or: (a, b) => {
    if (a === b || isZero(b) || constantOf(a) === 1) return a;
    return isZero(a) || constantOf(b) === 1 ? b : null;
  },
};

function simplifyBinary(node: Node<"binary">, partAxis: PartAxis): Node {
  const [a, b] = node.operands as [Node, Node];
  const [x, y] = [constantOf(a), constantOf(b)];
  if (x !== null && y !== null) {
    const value = folded(node, foldBinary(node, x, y));
    if (value !== node) return value;
  }
  const simpler = identities[node.attributes.fn](a, b);
  if (simpler) return build.broadcast(simpler, node.type.axes);
  const combined = node.attributes.fn === "add" ? combinePlaces(node, partAxis) : node;
  return combined === node ? postponeBroadcast(node) : combined;
}

function simplifySelect(node: Node<"select">): Node {
  const [condition, yes, no] = node.operands as [Node, Node, Node];
  const chosen = constantOf(condition);
  if (chosen !== null) return build.broadcast(chosen ? yes : no, node.type.axes);
  if (yes === no) return build.broadcast(yes, node.type.axes);
  if (isUnary(condition, "not")) return build.select(condition.operands[0]!, no, yes);
  // A branch that asks the same question again knows the answer.
  const known = (branch: Node, k: 1 | 2): Node =>
    branch.op === "select" && branch.operands[0] === condition ? branch.operands[k]! : branch;
  const [then, otherwise] = [known(yes, 1), known(no, 2)];
  const same = (x: Node, y: Node): boolean => x === y || x.type.axes.length === y.type.axes.length;
  if ((then !== yes || otherwise !== no) && same(then, yes) && same(otherwise, no))
    return build.select(condition, then, otherwise);
  return postponeBroadcast(node);
}

export const elementwiseRules: {
  readonly unary: Rule<"unary">;
  readonly binary: Rule<"binary">;
  readonly select: Rule<"select">;
} = { unary: simplifyUnary, binary: simplifyBinary, select: simplifySelect };
