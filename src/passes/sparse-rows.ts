/**
 * sparse-rows: the gradient of a table that is only looked up in is zero but for the rows that were met, so a step clears
 * and measures those alone: what it costs goes by tokens, not by the vocabulary.
 *
 *   kernel (v < V, d < D)      g[v, d] = 0                 loop v < V: if met[v] ≥ 1: { kernel (d < D) g[v, d] = 0   met[v] = 0 }
 *   kernel (B, T, d < D)       g[id, d] += …    becomes    kernel (B, T)         met[id] = 1
 *                                                          kernel (B, T, d < D)  g[id, d] += …
 *
 * Needs: a program before `fuse`, for one processor (a GPU would go through the loop dispatch by dispatch), without segments.
 * Makes true: between calls every row that is not met is zero.
 */
import {
  access,
  at,
  binary,
  f32,
  i32,
  isFixed,
  load,
  loop,
  rowsBuffer,
  storeKernel,
} from "../ir/kernel/build.ts";
import type {
  Buffer,
  Entry,
  Expression,
  Kernel,
  KernelProgram,
  Stage,
  Statement,
} from "../ir/kernel/types.ts";
import type { Axis, Graph } from "../ir/graph/types.ts";
import { nodesOf } from "../ir/graph/walk.ts";
import { expressions, overlaps, touches } from "../ir/kernel/walk.ts";

/** A gradient of rows, and for each of them whether it is met. */
export interface Rows {
  readonly gradient: Buffer;
  /** i32[V]: 0 for a row that is not met, 1 for one that is, 2 once its gradient is known not to be zero. */
  readonly met: Buffer;
}

/** Shorter tables are not worth marks. */
const fewestRows = 256;

export function sparseRows(program: KernelProgram): {
  readonly program: KernelProgram;
  readonly rows: readonly Rows[];
} {
  const rows = program.buffers
    .filter((b) => b.role === "gradient" && b.within !== null && isTable(b) && isOnlyLookedUp(program, b))
    .map((gradient): Rows => ({ gradient, met: marksOf(gradient, 0) }));
  const entries = program.entries.map((e): Entry => ({ ...e, body: e.body.flatMap((s) => marked(s, rows)) }));
  return { program: { ...program, entries, buffers: [...program.buffers, ...rows.map((r) => r.met)] }, rows };
}

/** The parameters that a model looks rows up in, and the axis along which. */
export const tableAxes = (graph: Graph): ReadonlyMap<string, Axis> =>
  new Map(
    nodesOf(graph, "gather").flatMap(({ operands: [table], attributes }): [string, Axis][] =>
      table!.op === "param" ? [[table.attributes.name, attributes.axis]] : [],
    ),
  );

/** `dim` is the one that rows are counted along. */
export const marksOf = (gradient: Buffer, dim: number): Buffer =>
  rowsBuffer(`met.${gradient.name}`, "i32", [gradient.dims[dim]!], "gradient");

const isTable = ({ dims, layout }: Buffer): boolean =>
  layout.kind === "rows" && dims.length > 1 && dims.every(isFixed) && dims[0]!.plus >= fewestRows;

/** Whether all that touches the gradient clears it, or adds to rows that are looked up. */
function isOnlyLookedUp({ entries }: KernelProgram, gradient: Buffer): boolean {
  const using = entries
    .flatMap((e) => e.body)
    .filter((s) => touches(s).some((t) => overlaps(t.access.buffer, gradient)));
  const scatters = using.filter((s) => isScatter(s, gradient));
  return scatters.length > 0 && using.every((s) => isScatter(s, gradient) || isClearing(s, gradient));
}

type Store = Extract<Stage, { kind: "store" }>;

function onlyStore(statement: Statement, to: Buffer): Store | null {
  if (statement.kind !== "kernel" || statement.stages.length !== 1) return null;
  const [stage] = statement.stages;
  return stage!.kind === "store" && stage!.to.buffer === to ? stage! : null;
}

/** As a scatter begins: the whole of it, element by element. */
function isClearing(statement: Statement, gradient: Buffer): boolean {
  const stage = onlyStore(statement, gradient);
  return stage !== null && !stage.accumulate && stage.value.kind === "constant" && stage.value.value === 0;
}

function isScatter(statement: Statement, gradient: Buffer): statement is Kernel {
  const stage = onlyStore(statement, gradient);
  return stage !== null && stage.accumulate && stage.to.index.slice(1).every((e) => e.kind === "variable");
}

function marked(statement: Statement, rows: readonly Rows[]): readonly Statement[] {
  for (const row of rows) {
    if (isClearing(statement, row.gradient)) return [clearMet(row)];
    if (isScatter(statement, row.gradient)) return [mark(statement, row), statement];
  }
  return [statement];
}

/** `body` for each row whose mark is at least this. */
export function eachMet(
  { met }: Rows,
  least: 1 | 2,
  body: (row: Expression) => readonly Statement[],
): Statement {
  const row = loop("v", met.dims[0]!);
  const condition = binary("ge", load(access(met, [at(row.variable)])), i32(least));
  return {
    kind: "loop",
    loop: row,
    reverse: false,
    body: [{ kind: "if", condition, then: body(at(row.variable)) }],
  };
}

const clearMet = (rows: Rows): Statement =>
  eachMet(rows, 1, (row) => {
    const { gradient, met } = rows;
    const loops = gradient.dims.slice(1).map((d, k) => loop(`d${k}`, d));
    const to = access(gradient, [row, ...loops.map((l) => at(l.variable))]);
    return [
      storeKernel(`${gradient.name} clear`, loops, to, f32(0)),
      storeKernel(`${met.name} clear`, [], access(met, [row]), i32(0)),
    ];
  });

/** A row that is met twice is marked twice. */
function mark(scatter: Kernel, { gradient, met }: Rows): Statement {
  const [row] = onlyStore(scatter, gradient)!.to.index as [Expression];
  const used = new Set(expressions([row]).flatMap((e) => (e.kind === "variable" ? [e.variable] : [])));
  const loops = scatter.loops.filter((l) => used.has(l.variable));
  return storeKernel(`${met.name} mark`, loops, access(met, [row]), i32(1));
}
