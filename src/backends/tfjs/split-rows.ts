/**
 * split-rows: a kernel whose rows are reduced and then stored element by element becomes a kernel for each stage, with the
 * rows' results in buffers: who computes each element by itself would reduce the row again for every one of them.
 *
 *   kernel (B < B)                                  kernel (B < B)          s = logsumexp for k: x[B, k]   row[B] = s
 *     s = logsumexp for k < 65: x[B, k]   becomes   kernel (B < B, k < 65)  y[B, k] = exp(x[B, k] - row[B])
 *     for k < 65: y[B, k] = exp(x[B, k] - s)
 *
 * Needs: a program without a memory plan, for buffers are added.
 */
import { access, at, load, rowsBuffer } from "../../ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Stage,
  Statement,
  Variable,
} from "../../ir/kernel/types.ts";
import { children, withChildren } from "../../ir/kernel/walk.ts";

export function splitRows(program: KernelProgram): KernelProgram {
  const made: Buffer[] = [];
  const visit = (s: Statement): readonly Statement[] => {
    if (s.kind === "loop") return [{ ...s, body: s.body.flatMap(visit) }];
    if (s.kind === "if") return [{ ...s, then: s.then.flatMap(visit) }];
    return s.kind === "kernel" && isSplit(s) ? split(s, made) : [s];
  };
  const entries = program.entries.map((e) => ({ ...e, body: e.body.flatMap(visit) }));
  return { ...program, entries, buffers: [...program.buffers, ...made], plan: null };
}

const isSplit = ({ stages }: Kernel): boolean =>
  stages.some((s) => s.kind === "reduce") && stages.some((s) => s.kind === "store" && s.loops.length > 0);

function split(kernel: Kernel, made: Buffer[]): readonly Kernel[] {
  const rows = new Map<Variable, Access>();
  const rebuilt = new Map<Expression, Expression>();
  /** With the rows' results loaded from where they lie. */
  const rebuild = (e: Expression): Expression => {
    const before = rebuilt.get(e);
    if (before) return before;
    const row = e.kind === "reduced" ? rows.get(e.stage) : undefined;
    const result = row ? load(row) : withChildren(e, children(e).map(rebuild));
    rebuilt.set(e, result);
    return result;
  };
  return kernel.stages.map((stage, k): Kernel => {
    const name = `${kernel.name} ${k}`;
    const value = rebuild(stage.value);
    if (stage.kind === "store") {
      const to = { ...stage.to, index: stage.to.index.map(rebuild) };
      const whole: Stage = { ...stage, loops: [], to, value };
      return { kind: "kernel", name, loops: [...kernel.loops, ...stage.loops], stages: [whole] };
    }
    const dtype = stage.fn === "argmax" || value.dtype === "i32" ? "i32" : "f32";
    const buffer = rowsBuffer(
      `row.${made.length}`,
      dtype,
      kernel.loops.map((l) => l.extent),
      "temporary",
    );
    made.push(buffer);
    const to = access(
      buffer,
      kernel.loops.map((l) => at(l.variable)),
    );
    const result: Expression = { kind: "reduced", dtype, stage: stage.result };
    const store: Stage = { kind: "store", loops: [], to, value: result, accumulate: false };
    rows.set(stage.result, to);
    return { kind: "kernel", name, loops: kernel.loops, stages: [{ ...stage, value }, store] };
  });
}
