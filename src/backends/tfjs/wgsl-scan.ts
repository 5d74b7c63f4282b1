/**
 * A time loop as one dispatch: a workgroup for each example, whose threads share the points of each statement. Possible
 * where nothing that the loop writes crosses examples; worth it while an example's step is work for one workgroup.
 *
 * Barriers stand only where a statement touches what another thread wrote, or writes what another thread read, since the last
 * one; the end of a step counts as before its start. Memory that is shared by two buffers counts as one.
 */
import { isFixed } from "../../ir/kernel/build.ts";
import type {
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Loop,
  Product,
  Statement,
  TimeLoop,
  Variable,
} from "../../ir/kernel/types.ts";
import { loads, root, touches } from "../../ir/kernel/walk.ts";
import { countText, extentText, openScope, type Scope } from "./code.ts";
import { exampleLoop, hasInnerLoops, shares } from "./parallel.ts";
import { collide, type Trace, traceOf } from "./threads.ts";
import {
  guarded,
  parallelLoops,
  type Shader,
  spread,
  threads,
  type Writer,
  writeRow,
  writeShader,
  writeStatement,
} from "./wgsl.ts";

/** Multiplications of one example in one step, above which a step is spread over the whole device instead. */
const largestStep = 1 << 18;

/** Null where the loop cannot, or should not, run within one workgroup. */
export function scanShader(
  program: KernelProgram,
  loop: TimeLoop,
  time: readonly Loop[],
  guards: readonly Expression[],
): Shader | null {
  const leaves = leavesOf(loop.body);
  const first = leaves[0] && exampleLoop(leaves[0]);
  if (!first || !isByExample(loop, leaves) || work(leaves) > largestStep) return null;
  const code = writeShader(program, threads.scan, time, (w) => {
    w.code.lines.push(`if (group >= ${countText([first], w.code.target.dialect)}) { return; }`);
    writeLoop(w, w.scope, loop, guards);
  });
  return { code, points: [first], each: 1 };
}

type Leaf = Kernel | Product;

const leavesOf = (body: readonly Statement[]): readonly Leaf[] =>
  body.flatMap((s) => (s.kind === "loop" ? leavesOf(s.body) : s.kind === "if" ? leavesOf(s.then) : [s]));

/** Whether every buffer that the loop writes has the example in one and the same dim, wherever it is touched. */
function isByExample(loop: TimeLoop, leaves: readonly Leaf[]): boolean {
  const dims = new Map<Buffer, number>();
  const written = new Set(touches(loop).flatMap((t) => (t.write ? [root(t.access.buffer)] : [])));
  const conditions = touches(loop).filter((t) => !t.write && isConditionLoad(loop, t.access.buffer));
  if (conditions.some((t) => written.has(root(t.access.buffer)))) return false;
  return leaves.every((leaf) => {
    const example = exampleLoop(leaf);
    if (!example || !parallelLoops(leaf).includes(example)) return false;
    return touches(leaf).every(({ access }) => {
      if (!written.has(root(access.buffer))) return true;
      const dim = access.index.findIndex((e) => e.kind === "variable" && e.variable === example.variable);
      const before = dims.get(access.buffer) ?? dim;
      dims.set(access.buffer, dim);
      return dim >= 0 && dim === before && access.buffer.within === null;
    });
  });
}

const isConditionLoad = (loop: TimeLoop, buffer: Buffer): boolean =>
  conditionsOf(loop.body).some((c) => loads([c]).some((a) => a.buffer === buffer));

const conditionsOf = (body: readonly Statement[]): readonly Expression[] =>
  body.flatMap((s) =>
    s.kind === "if" ? [s.condition, ...conditionsOf(s.then)] : s.kind === "loop" ? conditionsOf(s.body) : [],
  );

/** Multiplications of the products for one example and step; without end where a size is not known. */
const work = (leaves: readonly Leaf[]): number =>
  leaves.reduce((sum, leaf) => {
    if (leaf.kind !== "product") return sum;
    const loops = [...leaf.m, ...leaf.n, ...leaf.k].filter((l) => l !== exampleLoop(leaf));
    return sum + loops.reduce((n, l) => (isFixed(l.extent) ? n * l.extent.plus : n), 1);
  }, 0);

// ---- text -------------------------------------------------------------------------------------------------------

function writeLoop(
  w: Writer,
  scope: Scope,
  { loop, reverse, body }: TimeLoop,
  guards: readonly Expression[],
): void {
  const { code } = w;
  const { dialect } = code.target;
  const inner = openScope(scope);
  const steps = extentText(loop.extent, dialect);
  const name = code.fresh("t");
  code.lines.push(`${dialect.counted(name, "0", steps, "1")} {`);
  const variable = reverse ? code.fresh("t") : name;
  if (reverse) code.lines.push(dialect.value("i32", variable, `${steps} - 1 - ${name}`));
  inner.names.set(loop.variable, variable);
  const hazards = makeHazards(loop.variable);
  const before: boolean[] = [];
  const parts = flat(body, guards);
  for (const part of parts) {
    before.push(hazards.meets(part.statement));
    if (before.at(-1)) code.lines.push("storageBarrier();");
    writePart(w, inner, part);
  }
  // The next step's statements, up to the first that waits anyway.
  hazards.goOn();
  const head = parts.slice(0, Math.max(1, before.indexOf(true) < 0 ? parts.length : before.indexOf(true)));
  if (head.some(({ statement }) => hazards.meets(statement))) code.lines.push("storageBarrier();");
  code.lines.push("}");
}

interface Part {
  readonly statement: Leaf | TimeLoop;
  readonly guards: readonly Expression[];
}

/** Barriers are for all threads, so a branch is one condition around each of its statements. */
const flat = (body: readonly Statement[], guards: readonly Expression[]): readonly Part[] =>
  body.flatMap((s): readonly Part[] =>
    s.kind === "if" ? flat(s.then, [...guards, s.condition]) : [{ statement: s, guards }],
  );

function writePart(w: Writer, scope: Scope, { statement, guards }: Part): void {
  if (statement.kind === "loop") return writeLoop(w, scope, statement, guards);
  const example = exampleLoop(statement)!;
  const rest = parallelLoops(statement).filter((l) => l !== example);
  const here = openScope(scope);
  here.names.set(example.variable, "group");
  if (isTogether(statement, guards)) return writeRow(w, here, statement as Kernel);
  guarded({ ...w, scope: here }, guards, () =>
    spread(w, here, rest, (inner) => writeStatement(w, inner, statement, false)),
  );
}

/** A row for each example: its stages' loops are shared instead. */
const isTogether = (statement: Leaf, guards: readonly Expression[]): boolean =>
  statement.kind === "kernel" &&
  guards.length === 0 &&
  hasInnerLoops(statement) &&
  statement.loops.length === 1 &&
  shares(statement).serial.length === 0;

// ---- barriers ---------------------------------------------------------------------------------------------------

interface Hazards {
  /** Whether the statement must wait for those since the last that had to; counts it in. */
  readonly meets: (statement: Leaf | TimeLoop) => boolean;
  /** From here on, statements are those of the next step. */
  readonly goOn: () => void;
}

function makeHazards(step: Variable): Hazards {
  let since: readonly Trace[] = [];
  let moved: Variable | null = null;
  return {
    goOn: () => void (moved = step),
    meets: (statement) => {
      const leaves = statement.kind === "loop" ? leavesOf(statement.body) : [statement];
      const traces = leaves.flatMap((s) => tracesOf(s));
      const waits = traces.some((a) => since.some((b) => collide(a, b, moved)));
      // Of the next step, what counts is how it meets the one before.
      if (moved) return waits;
      since = waits ? traces : [...since, ...traces];
      return waits;
    },
  };
}

/** What a statement touches, by the threads that share its points. */
function tracesOf(leaf: Leaf): readonly Trace[] {
  const spread = parallelLoops(leaf).filter((l) => l !== exampleLoop(leaf));
  const inner =
    leaf.kind === "kernel" ? [...leaf.stages.flatMap((s) => s.loops), ...shares(leaf).serial] : leaf.k;
  return touches(leaf).map(({ access, write }) => {
    const trace = traceOf(access, write, spread, inner);
    return isTogether(leaf, []) ? { ...trace, own: null } : trace;
  });
}
