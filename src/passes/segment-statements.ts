/**
 * Statements over one segment instead of all steps: step t of the sequence is step t of the segment, and `shift` more where
 * it is a position or an index into what lies there as a whole.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { access, at, binary, load, loop, productStart, rowsBuffer, storeKernel } from "../ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Extent,
  Kernel,
  Loop,
  Stage,
  Statement,
} from "../ir/kernel/types.ts";
import { children, mapStatement, withChildren } from "../ir/kernel/walk.ts";
import { isLocal, onlyReduction, type Steps } from "./segment-roles.ts";

export interface Cutting {
  /** The loop along the steps, and how many a segment has. */
  readonly steps: Loop;
  readonly extent: Extent;
  /** The steps before the segment. */
  readonly shift: Expression;
  /** What holds a segment of a sequence; null of one that is kept whole. */
  readonly partOf: (sequence: Buffer) => Buffer | null;
  /** What stands for a buffer that holds no sequence. */
  readonly other: (buffer: Buffer) => Buffer;
}

export function cut(statement: Statement, cutting: Cutting): Statement {
  const { steps, extent, partOf, other } = cutting;
  const rewrite = shifting(cutting);
  const own = (l: Loop): Loop => (l === steps ? { variable: l.variable, extent } : l);
  const accessIn = ({ buffer, index }: Access): Access => {
    const part = partOf(buffer);
    if (!part) return access(other(buffer), index.map(rewrite));
    if (!isLocal({ buffer, index }, steps.variable))
      throw new CompilerBug(`${buffer.name} is cut, and read whole`);
    return access(part, [index[0]!, ...index.slice(1).map(rewrite)]);
  };
  return mapStatement(statement, { loop: own, access: accessIn, expression: rewrite });
}

/** Shares what the expression shares. */
function shifting({ steps, shift, partOf, other }: Cutting): (e: Expression) => Expression {
  const done = new Map<Expression, Expression>();
  const rewrite = (e: Expression): Expression => {
    let found = done.get(e);
    if (!found) done.set(e, (found = compute(e)));
    return found;
  };
  const compute = (e: Expression): Expression => {
    if (e.kind === "variable") return e.variable === steps.variable ? binary("add", e, shift) : e;
    if (e.kind !== "load") return withChildren(e, children(e).map(rewrite));
    const { buffer, index } = e.from;
    const part = partOf(buffer);
    const moved = index.map((x, dim) => (part && dim === 0 ? x : rewrite(x)));
    return { ...e, from: access(part ?? other(buffer), moved) };
  };
  return rewrite;
}

// ---- statements of one store --------------------------------------------------------------------------------

export type Index = (position: readonly Expression[]) => readonly Expression[];

/** `to[…] = value` at every point of the dims. */
export function fill(
  name: string,
  dims: readonly Extent[],
  to: (position: readonly Expression[]) => Access,
  value: (position: readonly Expression[]) => Expression,
): Kernel {
  const loops = dims.map((extent, d) => loop(`d${d}`, extent));
  const position = loops.map((l) => at(l.variable));
  return storeKernel(name, loops, to(position), value(position));
}

// ---- sums over the steps ------------------------------------------------------------------------------------

/**
 * A sum in parts: what is there before the first segment, what each adds, what is done with the whole. From the first segment on,
 * a sum over the steps alone is added up in the very order that it has without segments.
 */
export interface PartialSum {
  readonly before: readonly Statement[];
  readonly each: Statement;
  readonly after: readonly Statement[];
}

export function partialSum(
  statement: Statement,
  backwards: boolean,
  list: (buffer: Buffer) => Buffer,
): PartialSum {
  if (statement.kind === "product") {
    const { to, start } = statement;
    const goesOn = start !== null && start.buffer === to.buffer;
    const before = goesOn ? [] : [productStart(statement)];
    return { before, each: { ...statement, start: to }, after: [] };
  }
  const reduce = statement.kind === "kernel" ? onlyReduction(statement) : null;
  if (statement.kind !== "kernel" || !reduce) return { before: [], each: statement, after: [] };
  const { name, loops, stages } = statement;
  const dtype = reduce.value.dtype === "i32" ? "i32" : "f32";
  const dims = loops.map((l) => l.extent);
  const sum = list(rowsBuffer(`${name}.sum`, dtype, dims, "temporary"));
  const here = access(
    sum,
    loops.map((l) => at(l.variable)),
  );
  const isResult = (e: Expression): boolean => e.kind === "reduced" && e.stage === reduce.result;
  const found: Expression = { kind: "reduced", dtype, stage: reduce.result };
  const add: Stage = {
    kind: "store",
    loops: [],
    to: here,
    value: binary("add", load(here), found),
    accumulate: false,
  };
  const inOrder: Stage = { ...add, value: reduce.value, accumulate: true };
  const each: Kernel =
    backwards || reduce.loops.length > 1
      ? { ...statement, stages: [reduce, add] }
      : { ...statement, loops: [...reduce.loops, ...loops], stages: [inOrder] };
  const zero: Expression = { kind: "constant", dtype, value: 0 };
  const replace = (e: Expression): Expression =>
    isResult(e) ? load(here) : withChildren(e, children(e).map(replace));
  return {
    before: [
      fill(
        `${name} start`,
        dims,
        (p) => access(sum, p),
        () => zero,
      ),
    ],
    each,
    after: [
      {
        ...statement,
        stages: stages.flatMap((s): Stage[] =>
          s.kind === "store" ? [{ ...s, value: replace(s.value) }] : [],
        ),
      },
    ],
  };
}

/**
 * A sum of one number a step and example, such as a loss, as those numbers and their sum over all of them: then it is added up in
 * the order of the steps, whichever way segments are gone through. Null of any other statement.
 */
export function splitTerms(
  statement: Statement,
  { isSteps }: Steps,
  list: (buffer: Buffer) => Buffer,
): { readonly terms: Statement; readonly sum: Statement } | null {
  const reduce = statement.kind === "kernel" ? onlyReduction(statement) : null;
  if (statement.kind !== "kernel" || !reduce || reduce.value.dtype !== "f32") return null;
  const steps = reduce.loops.filter((l) => isSteps(l.extent));
  const others = [...statement.loops, ...reduce.loops.filter((l) => !steps.includes(l))];
  const isNumber = others.every(({ extent }) => extent.symbol !== null && !isSteps(extent));
  if (steps.length !== 1 || !isNumber) return null;
  const loops = [...steps, ...others];
  const dims = loops.map((l) => l.extent);
  const terms = list(rowsBuffer(`${statement.name}.terms`, "f32", dims, "temporary"));
  const here = access(
    terms,
    loops.map((l) => at(l.variable)),
  );
  const store: Stage = { kind: "store", loops: [], to: here, value: reduce.value, accumulate: false };
  const stages = statement.stages.map((s) => (s === reduce ? { ...reduce, value: load(here) } : s));
  return {
    terms: { kind: "kernel", name: `${statement.name} terms`, loops, stages: [store] },
    sum: { ...statement, stages },
  };
}
