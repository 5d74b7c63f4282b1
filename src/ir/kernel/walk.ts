/**
 * Ways through a kernel program: the children of an expression, the accesses of a statement, rebuilding an
 * expression from the leaves up. Shared by the verifier, the printer, the passes and the backends.
 */
import type {
  Access,
  Buffer,
  Entry,
  Expression,
  Kernel,
  Loop,
  SizeSymbol,
  Stage,
  Statement,
} from "./types.ts";
import { fixedElements } from "./build.ts";

/** The expressions directly below one, indices of a load included. */
export function children(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "constant":
    case "variable":
    case "extent":
    case "reduced":
      return [];
    case "load":
      return e.from.index;
    case "unary":
      return [e.operand];
    case "binary":
      return [e.left, e.right];
    case "select":
      return [e.condition, e.then, e.else];
    case "random":
      return [e.seed, e.example, e.coordinate];
    default:
      return e satisfies never;
  }
}

/** Every expression below the roots once, each after its children. */
export function expressions(roots: readonly Expression[]): Expression[] {
  const order: Expression[] = [];
  const seen = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    children(e).forEach(visit);
    order.push(e);
  };
  roots.forEach(visit);
  return order;
}

/** The same kind of expression over other children; the expression itself if none differs. */
export function withChildren(e: Expression, parts: readonly Expression[]): Expression {
  if (children(e).every((x, k) => x === parts[k])) return e;
  const [a, b, c] = parts as [Expression, Expression, Expression];
  switch (e.kind) {
    case "constant":
    case "variable":
    case "extent":
    case "reduced":
      return e;
    case "load":
      return { ...e, from: { ...e.from, index: parts } };
    case "unary":
      return { ...e, operand: a };
    case "binary":
      return { ...e, left: a, right: b };
    case "select":
      return { ...e, condition: a, then: b, else: c };
    case "random":
      return { ...e, seed: a, example: b, coordinate: c };
    default:
      return e satisfies never;
  }
}

/** What a statement reads and writes, as accesses with the loops around them (time loops outermost). */
export interface Touch {
  readonly access: Access;
  readonly write: boolean;
  readonly loops: readonly Loop[];
}

/** The expressions that a stage evaluates: its value, and the indices that it stores to. */
export const stageRoots = (stage: Stage): readonly Expression[] =>
  stage.kind === "store" ? [...stage.to.index, stage.value] : [stage.value];

/** The same stage over other expressions. */
export function mapStage(stage: Stage, change: (e: Expression) => Expression): Stage {
  const value = change(stage.value);
  if (stage.kind === "reduce") return { ...stage, value };
  return { ...stage, value, to: { ...stage.to, index: stage.to.index.map(change) } };
}

/** The expressions that a kernel's stages evaluate. */
export function kernelRoots(kernel: Kernel): Expression[] {
  return kernel.stages.flatMap(stageRoots);
}

export function touches(statement: Statement, outer: readonly Loop[] = []): Touch[] {
  switch (statement.kind) {
    case "kernel":
      return statement.stages.flatMap((stage): Touch[] => {
        const loops = [...outer, ...statement.loops, ...stage.loops];
        const read = loads(stageRoots(stage)).map((access): Touch => ({ access, write: false, loops }));
        if (stage.kind === "reduce") return read;
        const before: Touch[] = stage.accumulate ? [{ access: stage.to, write: false, loops }] : [];
        return [...read, ...before, { access: stage.to, write: true, loops }];
      });
    case "product": {
      const m = [...outer, ...statement.m];
      const loops = [...m, ...statement.n, ...statement.k];
      const start: Touch[] = statement.start ? [{ access: statement.start, write: false, loops }] : [];
      return [
        { access: statement.left, write: false, loops },
        { access: statement.right, write: false, loops },
        ...start,
        { access: statement.to, write: true, loops },
      ];
    }
    case "loop":
      return statement.body.flatMap((s) => touches(s, [...outer, statement.loop]));
    case "if":
      return [
        ...loads([statement.condition]).map((access): Touch => ({ access, write: false, loops: outer })),
        ...statement.then.flatMap((s) => touches(s, outer)),
      ];
    default:
      return statement satisfies never;
  }
}

const buffersOf = (statements: readonly Statement[], write: boolean): ReadonlySet<Buffer> =>
  new Set(statements.flatMap((s) => touches(s).flatMap((t) => (t.write === write ? [t.access.buffer] : []))));

export const readBy = (statements: readonly Statement[]): ReadonlySet<Buffer> => buffersOf(statements, false);
export const writtenBy = (statements: readonly Statement[]): ReadonlySet<Buffer> =>
  buffersOf(statements, true);

export type Leaf = Extract<Statement, { kind: "kernel" | "product" }>;

/** The same statement with other kernels and products in it. */
export function mapLeaves(statement: Statement, change: (leaf: Leaf) => Leaf): Statement {
  if (statement.kind === "loop")
    return { ...statement, body: statement.body.map((s) => mapLeaves(s, change)) };
  if (statement.kind === "if") return { ...statement, then: statement.then.map((s) => mapLeaves(s, change)) };
  return change(statement);
}

/** What stands for the parts of a statement; an access stored to or multiplied is asked for whole, one loaded is an expression's. */
export interface StatementParts {
  readonly loop?: (loop: Loop) => Loop;
  readonly access: (access: Access) => Access;
  readonly expression: (e: Expression) => Expression;
}

/** The same statement, and all within it, over other parts. */
export function mapStatement(statement: Statement, parts: StatementParts): Statement {
  const { loop = (l: Loop): Loop => l, access, expression } = parts;
  const visit = (s: Statement): Statement => {
    switch (s.kind) {
      case "kernel":
        return {
          ...s,
          loops: s.loops.map(loop),
          stages: s.stages.map((stage): Stage => {
            const made = { ...stage, loops: stage.loops.map(loop), value: expression(stage.value) };
            return made.kind === "store" ? { ...made, to: access(made.to) } : made;
          }),
        };
      case "product":
        return {
          ...s,
          m: s.m.map(loop),
          n: s.n.map(loop),
          k: s.k.map(loop),
          left: access(s.left),
          right: access(s.right),
          to: access(s.to),
          start: s.start && access(s.start),
        };
      case "loop":
        return { ...s, loop: loop(s.loop), body: s.body.map(visit) };
      case "if":
        return { ...s, condition: expression(s.condition), then: s.then.map(visit) };
      default:
        return s satisfies never;
    }
  };
  return visit(statement);
}

/** The run-time sizes that an entry's loops run over. */
export const symbolsOf = (entry: Entry): ReadonlySet<SizeSymbol> =>
  new Set(
    entry.body
      .flatMap((s) => touches(s))
      .flatMap((t) => t.loops.flatMap(({ extent }) => extent.symbol ?? [])),
  );

export function loads(roots: readonly Expression[]): Access[] {
  return expressions(roots).flatMap((e) => (e.kind === "load" ? [e.from] : []));
}

/** The buffer that holds the elements in the end. */
export const root = (buffer: Buffer): Buffer => (buffer.within ? root(buffer.within.buffer) : buffer);

/** Whether two buffers have elements in common. */
export function overlaps(a: Buffer, b: Buffer): boolean {
  if (root(a) !== root(b)) return false;
  if (a.within === null || b.within === null) return true;
  const [from, to] = [startOf(a), startOf(b)];
  return from < to + fixedElements(b) && to < from + fixedElements(a);
}

/** The elements before a part of a larger buffer. */
export const startOf = ({ within }: Buffer): number => (within ? within.offset + startOf(within.buffer) : 0);
