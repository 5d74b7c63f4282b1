/**
 * A kernel program as text, for `--emit kernels` and for golden tests: buffers, then each entry's statements.
 * Deterministic; variables keep their names, primed where two of one name meet; an expression that is used more
 * than once in a kernel gets a `let`.
 */
import type { Access, Buffer, Entry, Expression, Extent, Kernel, KernelProgram, Loop } from "./types.ts";
import type { Product, Share, Statement, Variable } from "./types.ts";
import { children, expressions, kernelRoots, stageRoots } from "./walk.ts";

export function printExtent(e: Extent): string {
  if (e.symbol === null) return String(e.plus);
  const many = e.times === 1 ? e.symbol : `${e.times}*${e.symbol}`;
  const sum = e.plus === 0 ? many : `${many}${e.plus < 0 ? "-" : "+"}${Math.abs(e.plus)}`;
  return e.by === undefined ? sum : `(${sum})/${e.by}`;
}

export function printBuffer(b: Buffer): string {
  const dims = b.dims.map(printExtent);
  const split = b.layout.kind === "panels" ? dims.length - b.layout.columns : dims.length;
  const shape =
    b.layout.kind === "panels"
      ? `[${dims.slice(0, split).join(", ")} | ${dims.slice(split).join(", ")}]`
      : `[${dims.join(", ")}]`;
  const stride = b.layout.kind === "rows" ? ` stride ${b.layout.rowStride}` : " panels";
  const within = b.within ? ` in ${b.within.buffer.name} + ${b.within.offset}` : "";
  return `${b.role} ${b.name} : ${b.dtype}${shape}${stride}${within}`;
}

type Names = (v: Variable) => string;

/** One name a variable, primed until it differs from all others in the entry. */
function namer(): Names {
  const names = new Map<Variable, string>();
  const used = new Set<string>();
  return (v) => {
    const known = names.get(v);
    if (known) return known;
    let name = v.name;
    while (used.has(name)) name += "'";
    used.add(name);
    names.set(v, name);
    return name;
  };
}

const infix: Readonly<Partial<Record<string, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  eq: "==",
  ne: "!=",
  and: "and",
  or: "or",
};

function printNumber(e: Expression & { kind: "constant" }): string {
  if (e.dtype === "bool") return e.value ? "true" : "false";
  if (e.dtype === "i32" || !Number.isInteger(e.value)) return String(e.value);
  return `${Object.is(e.value, -0) ? "-0" : e.value}.`;
}

function printShallow(e: Expression, part: (e: Expression) => string, names: Names): string {
  switch (e.kind) {
    case "constant":
      return printNumber(e);
    case "variable":
      return names(e.variable);
    case "extent":
      return `|${printExtent(e.extent)}|`;
    case "load":
      return `${e.from.buffer.name}[${e.from.index.map(part).join(", ")}]`;
    case "unary":
      return `${e.fn}(${part(e.operand)})`;
    case "binary": {
      const sign = infix[e.fn];
      return sign
        ? `(${part(e.left)} ${sign} ${part(e.right)})`
        : `${e.fn}(${part(e.left)}, ${part(e.right)})`;
    }
    case "select":
      return `select(${part(e.condition)}, ${part(e.then)}, ${part(e.else)})`;
    case "random":
      return `${e.distribution}(${part(e.seed)}, ${e.place}, ${part(e.example)}, ${part(e.coordinate)})`;
    case "reduced":
      return names(e.stage);
    default:
      return e satisfies never;
  }
}

function printer(names: Names, lets: ReadonlyMap<Expression, string>): (e: Expression) => string {
  const print = (e: Expression): string => lets.get(e) ?? printShallow(e, print, names);
  return print;
}

const loopsText = (loops: readonly Loop[], names: Names): string =>
  loops.map((l) => `${names(l.variable)} < ${printExtent(l.extent)}`).join(", ");

/** ` shared T, B by 4`. */
const shareText = (share: Share | undefined, names: Names): string =>
  share ? ` shared ${share.loops.map((l) => names(l.variable)).join(", ")} by ${share.by}` : "";

const accessText = (a: Access, print: (e: Expression) => string): string =>
  `${a.buffer.name}[${a.index.map(print).join(", ")}]`;

function shared(kernel: Kernel): Expression[] {
  const roots = kernelRoots(kernel);
  const all = expressions(roots);
  const uses = new Map<Expression, number>();
  for (const e of [...all.flatMap(children), ...roots]) uses.set(e, (uses.get(e) ?? 0) + 1);
  // Plain indices read better in place.
  const isLong = (e: Expression): boolean => e.dtype !== "i32" || expressions([e]).length > 5;
  return all.filter((e) => uses.get(e)! > 1 && children(e).length > 0 && isLong(e));
}

function printKernel(kernel: Kernel, names: Names): string[] {
  const lets = new Map<Expression, string>();
  const print = printer(names, lets);
  const lines = [
    `kernel ${kernel.name} (${loopsText(kernel.loops, names)})${shareText(kernel.share, names)}`,
  ];
  const pending = new Set(shared(kernel));
  const introduce = (roots: readonly Expression[], indent: string): void => {
    for (const e of expressions(roots))
      if (pending.delete(e)) {
        const text = printShallow(e, print, names);
        lets.set(e, `%${lets.size}`);
        lines.push(`${indent}${lets.get(e)} = ${text}`);
      }
  };
  for (const stage of kernel.stages) {
    const together = stage.joins ? "with it " : "";
    const inner = stage.loops.length > 0 ? `${together}for ${loopsText(stage.loops, names)}: ` : "";
    introduce(stageRoots(stage), "  ");
    lines.push(
      stage.kind === "reduce"
        ? `  ${names(stage.result)} = ${stage.fn} ${inner}${print(stage.value)}`
        : `  ${inner}${accessText(stage.to, print)} ${stage.accumulate ? "+=" : "="} ${print(stage.value)}`,
    );
  }
  return lines;
}

function printProduct(p: Product, names: Names): string[] {
  const print = printer(names, new Map());
  const start = p.start ? `${accessText(p.start, print)} + ` : "";
  const loops = [p.m, p.n, p.k].map((l) => loopsText(l, names) || "1").join("; ");
  const sum = `${accessText(p.left, print)} * ${accessText(p.right, print)}`;
  return [
    `product ${p.name} (${loops})${shareText(p.share, names)}`,
    `  ${accessText(p.to, print)} = ${start}sum ${sum}`,
  ];
}

function printStatement(statement: Statement, names: Names): string[] {
  const block = (body: readonly Statement[]): string[] =>
    body.flatMap((s) => printStatement(s, names)).map((line) => `  ${line}`);
  switch (statement.kind) {
    case "kernel":
      return printKernel(statement, names);
    case "product":
      return printProduct(statement, names);
    case "loop": {
      const direction = statement.reverse ? "backwards " : "";
      const meets = statement.meets ? " meeting" : "";
      return [`loop ${direction}${loopsText([statement.loop], names)}${meets}`, ...block(statement.body)];
    }
    case "if":
      return [`if ${printer(names, new Map())(statement.condition)}`, ...block(statement.then)];
    default:
      return statement satisfies never;
  }
}

export function printEntry(entry: Entry): string {
  const names = namer();
  const lines = entry.body.flatMap((s) => printStatement(s, names)).map((line) => `  ${line}`);
  return [`entry ${entry.name}`, ...lines].join("\n");
}

export function printKernels(program: KernelProgram): string {
  const head = [`program ${program.name}`, `sizes ${program.symbols.join(", ")}`];
  return [...head, ...program.buffers.map(printBuffer), ...program.entries.map(printEntry)].join("\n") + "\n";
}
