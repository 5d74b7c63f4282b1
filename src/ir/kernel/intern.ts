/**
 * Makes equal expressions one object (hash-consing), with the arithmetic of constants done. Expressions are shared
 * by identity, so "the same index" and "computed once" become `===`; one interner serves one entry of a program.
 */
import { applyBinary } from "./scalars.ts";
import { f32, i32, bool } from "./build.ts";
import { printExtent } from "./print.ts";
import type { Buffer, Expression, Variable } from "./types.ts";
import { children, withChildren } from "./walk.ts";

export interface Interner {
  /** The one object that stands for all expressions equal to this one. */
  readonly intern: (e: Expression) => Expression;
  /** Equal for equal expressions. */
  readonly id: (e: Expression) => number;
}

export function makeInterner(): Interner {
  const canonical = new Map<string, Expression>();
  const known = new Map<Expression, Expression>();
  const ids = new Map<Expression, number>();
  const marks = new Map<Variable | Buffer, number>();
  const mark = (x: Variable | Buffer): number => {
    if (!marks.has(x)) marks.set(x, marks.size);
    return marks.get(x)!;
  };

  const shape = (e: Expression): string => {
    switch (e.kind) {
      case "constant":
        return Object.is(e.value, -0) ? "-0" : String(e.value);
      case "variable":
        return String(mark(e.variable));
      case "extent":
        return printExtent(e.extent);
      case "load":
        return String(mark(e.from.buffer));
      case "unary":
      case "binary":
        return e.fn;
      case "select":
        return "";
      case "random":
        return `${e.distribution},${e.place}`;
      case "reduced":
        return String(mark(e.stage));
      default:
        return e satisfies never;
    }
  };

  const intern = (e: Expression): Expression => {
    const before = known.get(e);
    if (before) return before;
    const made = fold(withChildren(e, children(e).map(intern)));
    const key = `${made.kind}:${made.dtype}:${shape(made)}(${children(made).map(id).join(",")})`;
    let one = canonical.get(key);
    if (!one) {
      one = made;
      canonical.set(key, one);
      ids.set(one, ids.size);
    }
    known.set(e, one);
    known.set(one, one);
    return one;
  };
  const id = (e: Expression): number => ids.get(intern(e))!;
  return { intern, id };
}

const isConstant = (e: Expression, value: number): boolean => e.kind === "constant" && e.value === value;

/** Index arithmetic of constants, conditions that are decided. Of f32 only what is exact: x + 0 is not (-0). */
function fold(e: Expression): Expression {
  if (e.kind === "select" && e.condition.kind === "constant") return e.condition.value ? e.then : e.else;
  if (e.kind === "select" && e.then === e.else) return e.then;
  if (e.kind === "extent" && e.extent.symbol === null) return i32(e.extent.plus);
  if (e.kind !== "binary") return e;
  const { left, right, fn } = e;
  if (left.kind === "constant" && right.kind === "constant") {
    const value = applyBinary(fn, left.dtype, left.value, right.value);
    return e.dtype === "f32" ? f32(value) : e.dtype === "i32" ? i32(value) : bool(value !== 0);
  }
  // A bool that was kept as 0 or 1.
  if (fn === "ne" && isConstant(right, 0) && left.kind === "select")
    if (isConstant(left.then, 1) && isConstant(left.else, 0)) return left.condition;
  if (fn === "and" && left.kind === "constant") return left.value ? right : left;
  if (fn === "and" && right.kind === "constant") return right.value ? left : right;
  if (left.dtype !== "i32") return e;
  // One form of a sum: the constant on the right, and only one of them.
  if (fn === "add" && left.kind === "constant") return fold({ ...e, left: right, right: left });
  if (fn === "add" && left.kind === "binary" && left.fn === "add" && right.kind === "constant")
    if (left.right.kind === "constant")
      return fold({ ...e, left: left.left, right: i32((left.right.value + right.value) | 0) });
  if (fn === "sub" && right.kind === "constant" && right.value < 0)
    return { ...e, fn: "add", right: i32(-right.value) };
  if ((fn === "add" && isConstant(right, 0)) || (fn === "sub" && isConstant(right, 0))) return left;
  if (fn === "mul" && isConstant(right, 1)) return left;
  if (fn === "mul" && isConstant(left, 1)) return right;
  return e;
}

/** Rewrites expressions from the leaves up; what `rule` does not replace stays. */
export function rewriter(
  interner: Pick<Interner, "intern">,
  rule: (e: Expression) => Expression | null,
): (e: Expression) => Expression {
  const done = new Map<Expression, Expression>();
  const visit = (e: Expression): Expression => {
    let found = done.get(e);
    if (!found) {
      const made = interner.intern(withChildren(e, children(e).map(visit)));
      done.set(e, (found = rule(made) ?? made));
    }
    return found;
  };
  return visit;
}
