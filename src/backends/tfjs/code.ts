/**
 * Text of scalar expressions in a C-like language. Every expression that is no leaf becomes a named value of the
 * innermost scope that binds a variable it depends on, so one object is computed once per point, as the kernel program
 * means it. What differs between GLSL and WGSL is the `Dialect`: total tables, so a missing function does not compile.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type {
  Access,
  BinaryFunction,
  DType,
  Expression,
  Extent,
  Loop,
  SizeSymbol,
  UnaryFunction,
  Variable,
} from "../../ir/kernel/types.ts";
import { children, expressions } from "../../ir/kernel/walk.ts";

export type ValueType = DType | "bool";

export interface Dialect {
  readonly types: Readonly<Record<ValueType, string>>;
  readonly constant: (type: ValueType, value: number) => string;
  readonly unary: Readonly<Record<UnaryFunction, (x: string, type: ValueType) => string>>;
  readonly binary: Readonly<
    Record<BinaryFunction, (a: string, b: string, type: ValueType, right: Expression) => string>
  >;
  readonly select: (condition: string, then: string, otherwise: string) => string;
  /** A value that stays, and one that changes. */
  readonly value: (type: ValueType, name: string, value: string) => string;
  readonly variable: (type: ValueType, name: string, value: string) => string;
  /** The head of `for (name = from; name < to; name += by)`. */
  readonly counted: (name: string, from: string, to: string, by: string) => string;
  readonly size: (symbol: SizeSymbol) => string;
  /** `normal` or `uniform` of seed, place, example and coordinate. */
  readonly random: (distribution: "uniform" | "normal", operands: readonly string[]) => string;
}

/** A dialect, and how a kernel in it finds an element. */
export interface Target {
  readonly dialect: Dialect;
  readonly load: (access: Access, index: readonly string[]) => string;
}

export interface Code {
  readonly target: Target;
  readonly lines: string[];
  readonly fresh: (stem: string) => string;
}

export function makeCode(target: Target): Code {
  let count = 0;
  return { target, lines: [], fresh: (stem) => `${stem}_${count++}` };
}

export interface Scope {
  readonly outer: Scope | null;
  readonly names: Map<Expression | Variable, string>;
}

export const openScope = (outer: Scope | null): Scope => ({ outer, names: new Map() });

function known(scope: Scope | null, key: Expression | Variable): string | undefined {
  for (let s = scope; s !== null; s = s.outer) {
    const name = s.names.get(key);
    if (name !== undefined) return name;
  }
  return undefined;
}

export function nameOf(scope: Scope, variable: Variable): string {
  const name = known(scope, variable);
  if (name === undefined) throw new CompilerBug(`${variable.name} is out of scope`);
  return name;
}

export function extentText({ symbol, times, plus, by }: Extent, { size, constant }: Dialect): string {
  if (symbol === null) return constant("i32", plus);
  const many = times === 1 ? size(symbol) : `${times} * ${size(symbol)}`;
  const sum = plus === 0 && times === 1 ? many : `(${many} + ${plus})`;
  const whole = by === undefined ? sum : `(${sum} / ${by})`;
  return plus < 0 ? `max(${whole}, 0)` : whole;
}

/** The product of some extents. */
export const countText = (loops: readonly Loop[], dialect: Dialect): string =>
  loops.map((l) => extentText(l.extent, dialect)).join(" * ") || "1";

/** The text that stands for an expression; computes it in this scope if it is not known there. */
export function valueOf(code: Code, scope: Scope, e: Expression): string {
  const { dialect, load } = code.target;
  const part = (x: Expression): string => valueOf(code, scope, x);
  const name = (text: string): string => {
    const made = code.fresh("v");
    code.lines.push(dialect.value(e.dtype, made, text));
    scope.names.set(e, made);
    return made;
  };
  const before = known(scope, e);
  if (before !== undefined) return before;
  switch (e.kind) {
    case "constant":
      return dialect.constant(e.dtype, e.value);
    case "variable":
      return nameOf(scope, e.variable);
    case "reduced":
      return nameOf(scope, e.stage);
    case "extent":
      return extentText(e.extent, dialect);
    case "load":
      return name(load(e.from, e.from.index.map(part)));
    case "unary":
      return name(dialect.unary[e.fn](part(e.operand), e.operand.dtype));
    case "binary":
      return name(dialect.binary[e.fn](part(e.left), part(e.right), e.left.dtype, e.right));
    case "select":
      return name(dialect.select(part(e.condition), part(e.then), part(e.else)));
    case "random": {
      const place = dialect.constant("i32", e.place);
      return name(dialect.random(e.distribution, [part(e.seed), place, part(e.example), part(e.coordinate)]));
    }
    default:
      return e satisfies never;
  }
}

/** Computes in this scope whatever of the roots does not depend on the variables given. */
export function settle(
  code: Code,
  scope: Scope,
  roots: readonly Expression[],
  inner: ReadonlySet<Variable>,
): void {
  const varying = new Set<Expression>();
  for (const e of expressions(roots)) {
    const varies =
      (e.kind === "variable" && inner.has(e.variable)) ||
      (e.kind === "reduced" && inner.has(e.stage)) ||
      children(e).some((x) => varying.has(x));
    if (varies) varying.add(e);
    else valueOf(code, scope, e);
  }
}

/** Loops one within the other around what `body` writes. */
export function nest(code: Code, scope: Scope, loops: readonly Loop[], body: (inner: Scope) => void): void {
  const { dialect } = code.target;
  let inner = scope;
  for (const { variable, extent } of loops) {
    inner = openScope(inner);
    const name = code.fresh("i");
    inner.names.set(variable, name);
    code.lines.push(`${dialect.counted(name, "0", extentText(extent, dialect), "1")} {`);
  }
  body(inner);
  for (const _ of loops) code.lines.push("}");
}

/** Binds the loops' variables to the digits of a number below the product of their extents, the last the fastest. */
export function unravel(code: Code, scope: Scope, loops: readonly Loop[], point: string): void {
  const { dialect } = code.target;
  let rest = point;
  [...loops].reverse().forEach(({ variable, extent }, k) => {
    const name = code.fresh("i");
    const size = extentText(extent, dialect);
    scope.names.set(variable, name);
    if (k === loops.length - 1) {
      code.lines.push(dialect.value("i32", name, rest));
      return;
    }
    const next = code.fresh("p");
    code.lines.push(
      dialect.value("i32", next, `${rest} / ${size}`),
      dialect.value("i32", name, `${rest} - ${next} * ${size}`),
    );
    rest = next;
  });
}
