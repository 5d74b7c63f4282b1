/**
 * A kernel program for WebGL: draws, and for each entry their order. A statement becomes runs of draws that all see what was
 * there before; a stage that reads what an earlier one of its kernel stored begins a new run.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { fixed, fixedElements, sameExtent } from "../../ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Extent,
  Kernel,
  KernelProgram,
  Loop,
  Product,
  Statement,
  Variable,
} from "../../ir/kernel/types.ts";
import { expressions, root, stageRoots, startOf } from "../../ir/kernel/walk.ts";
import type {
  Draw,
  DrawRun,
  Entry,
  HostIndex,
  Region,
  Step,
  WebglProgram,
} from "../../runtime/tfjs/program.ts";
import { type Pull, pullOfProduct, pullOfStage, shifted, type Targets, writeFragment } from "./glsl.ts";
import { outerDims, rowSteps, textureOf } from "./textures.ts";
import { inputsOf } from "./webgpu.ts";

/** Targets of one draw that every device allows. */
const mostTargets = 4;

export function emitWebgl(program: KernelProgram): WebglProgram {
  const textures = program.buffers.filter((b) => b.within === null).map(textureOf);
  const draws: Draw[] = [];

  const draw = (
    name: string,
    targets: Targets,
    read: ReadonlySet<Buffer>,
    time: readonly Loop[],
    guards: readonly Expression[],
  ): number => {
    const aside = targets.buffers.some((b) => read.has(root(b)));
    const { code, reads } = writeFragment(targets, { program, textures, time, guards, aside });
    const pulls = targets.patterns.map(([first]) => first!);
    return (
      draws.push({
        name,
        code,
        targets: targets.buffers.map((b) => textures.findIndex((t) => t.name === root(b).name)),
        reads,
        aside,
        region: regionOf(pulls, time),
      }) - 1
    );
  };

  const runs = (
    statement: Kernel | Product,
    time: readonly Loop[],
    guards: readonly Expression[],
  ): readonly Step<DrawRun>[] =>
    groupsOf(statement).map((group): Step<DrawRun> => {
      const read = new Set(group.reads.map((b) => root(b)));
      const made = targetsOf(group.pulls, read).map((t) => draw(statement.name, t, read, time, guards));
      return { kind: "run", run: { draws: made } };
    });

  const steps = (
    body: readonly Statement[],
    time: readonly Loop[],
    guards: readonly Expression[],
  ): readonly Step<DrawRun>[] =>
    body.flatMap((s): readonly Step<DrawRun>[] => {
      switch (s.kind) {
        case "kernel":
        case "product":
          return runs(s, time, guards);
        case "if":
          return steps(s.then, time, [...guards, s.condition]);
        case "loop": {
          const inner = steps(s.body, [...time, s.loop], guards);
          return [{ kind: "loop", extent: s.loop.extent, reverse: s.reverse, body: inner }];
        }
        default:
          return s satisfies never;
      }
    });

  const entries = Object.fromEntries(
    program.entries.map(({ name, body }): [string, Entry<DrawRun>] => [
      name,
      { steps: steps(body, [], []), inputs: inputsOf(body) },
    ]),
  );
  return { textures, draws, entries };
}

// ---- which stores go together -----------------------------------------------------------------------------------

interface Group {
  readonly pulls: readonly Pull[];
  readonly reads: readonly Buffer[];
}

function groupsOf(statement: Kernel | Product): readonly Group[] {
  if (statement.kind === "product") {
    const { left, right, start } = statement;
    const reads = [left, right, ...(start ? [start] : [])].map((a) => a.buffer);
    return [{ pulls: [pullOfProduct(statement)], reads }];
  }
  const groups: { pulls: Pull[]; reads: Buffer[] }[] = [];
  let written = new Set<Buffer>();
  let pending: Expression[] = [];
  const seen = new Set<Expression>();
  for (const stage of statement.stages) {
    const roots = stageRoots(stage);
    const loaded = expressions(roots).filter((e) => e.kind === "load");
    // What an earlier stage has loaded is not loaded again, so it is what was there before.
    const isNew = loaded.some((e) => !seen.has(e) && written.has(root(e.from.buffer)));
    if (isNew) {
      if (loaded.some((e) => seen.has(e) && written.has(root(e.from.buffer))))
        throw new CompilerBug(`${statement.name} reads an element before and after it is stored`);
      groups.push({ pulls: [], reads: [] });
      written = new Set();
    }
    for (const e of expressions(roots)) seen.add(e);
    pending.push(...roots);
    if (stage.kind === "reduce") continue;
    if (groups.length === 0) groups.push({ pulls: [], reads: [] });
    const group = groups.at(-1)!;
    group.pulls.push(pullOfStage(statement, stage));
    group.reads.push(...loadedBuffers(pending), ...(stage.accumulate ? [stage.to.buffer] : []));
    pending = [];
    written.add(root(stage.to.buffer));
  }
  return groups;
}

const loadedBuffers = (roots: readonly Expression[]): readonly Buffer[] =>
  expressions(roots).flatMap((e) => (e.kind === "load" ? [e.from.buffer] : []));

/** One draw for the stores to a buffer, and for buffers alike that are stored to at the same indices. */
function targetsOf(pulls: readonly Pull[], read: ReadonlySet<Buffer>): readonly Targets[] {
  const byRoot = new Map<Buffer, Pull[]>();
  for (const p of pulls) byRoot.set(root(p.to.buffer), [...(byRoot.get(root(p.to.buffer)) ?? []), p]);
  const sets: { buffers: Buffer[]; lists: Pull[][] }[] = [];
  for (const [buffer, list] of byRoot) {
    const alike = sets.find(
      ({ buffers, lists }) =>
        buffers.length < mostTargets &&
        read.has(buffers[0]!) === read.has(buffer) &&
        lists[0]!.length === list.length &&
        lists[0]!.every((p, k) => samePattern(p, list[k]!)),
    );
    if (alike) {
      alike.buffers.push(buffer);
      alike.lists.push(list);
    } else sets.push({ buffers: [buffer], lists: [list] });
  }
  return sets.map(({ buffers, lists }) => ({
    buffers,
    patterns: lists[0]!.map((_, k) => lists.map((list) => list[k]!)),
  }));
}

const sameGeometry = (a: Buffer, b: Buffer): boolean =>
  root(a) !== root(b) &&
  a.dims.length === b.dims.length &&
  a.dims.every((d, k) => sameExtent(d, b.dims[k]!)) &&
  JSON.stringify(a.layout) === JSON.stringify(b.layout) &&
  startOf(a) === startOf(b) &&
  fixedElements(root(a)) === fixedElements(root(b));

const samePattern = (a: Pull, b: Pull): boolean =>
  sameGeometry(a.to.buffer, b.to.buffer) &&
  a.accumulate === b.accumulate &&
  a.loops.length === b.loops.length &&
  a.loops.every((l, k) => l.variable === b.loops[k]!.variable) &&
  a.to.index.every((e, d) => sameIndex(e, b.to.index[d]!));

function sameIndex(a: Expression, b: Expression): boolean {
  if (a === b) return true;
  if (a.kind === "constant" && b.kind === "constant") return a.value === b.value;
  const [x, y] = [shifted(a), shifted(b)];
  return x.base !== null && x.base === y.base && x.plus === y.plus;
}

// ---- where they go ----------------------------------------------------------------------------------------------

function regionOf(pulls: readonly Pull[], time: readonly Loop[]): Region {
  const parts = pulls.map((p) => p.to.buffer);
  const [buffer] = parts as [Buffer];
  const outer = outerDims(buffer);
  if (outer.length === 0) {
    const { width } = textureOf(root(buffer));
    const from = Math.min(...parts.map((b) => Math.floor(startOf(b) / width)));
    const to = Math.max(...parts.map((b) => Math.floor((startOf(b) + fixedElements(b) - 1) / width)));
    return { kind: "lines", from, count: to - from + 1 };
  }
  const steps = rowSteps(buffer);
  return {
    kind: "rows",
    dims: outer.map((dim, d) => ({ ...spanOf(dim, d, pulls, time), step: steps[d]! })),
  };
}

/** The indices of a dim that the stores may touch; all of them where the host cannot tell. */
function spanOf(
  dim: Extent,
  d: number,
  pulls: readonly Pull[],
  time: readonly Loop[],
): { readonly from: HostIndex; readonly count: Extent } {
  const spans = pulls.map(({ to, loops }) => spanOfIndex(to, d, loops, time));
  const [first] = spans;
  const same = first && spans.every((s) => JSON.stringify(s) === JSON.stringify(first));
  return same ? first : { from: { time: null, extent: null, plus: 0 }, count: dim };
}

function spanOfIndex(
  { index }: Access,
  d: number,
  loops: readonly Loop[],
  time: readonly Loop[],
): { readonly from: HostIndex; readonly count: Extent } | null {
  const e = index[d]!;
  const one = fixed(1);
  if (e.kind === "constant") return { from: { time: null, extent: null, plus: e.value }, count: one };
  if (e.kind === "extent") return { from: { time: null, extent: e.extent, plus: 0 }, count: one };
  const { base, plus } = shifted(e);
  if (base === null) return null;
  const at = (v: Variable): number => time.findIndex((l) => l.variable === v);
  if (at(base) >= 0) return { from: { time: at(base), extent: null, plus }, count: one };
  const own = loops.find((l) => l.variable === base);
  return own ? { from: { time: null, extent: null, plus }, count: own.extent } : null;
}
