/**
 * split-sums: a kernel whose rows all add what they reduced to one place becomes two, so that rows run side by side and
 * their sum is a reduction of its own:
 *
 *   kernel (block < 220)                        kernel (block < 220)
 *     s = sum for i < 512: …           becomes    s = sum for i < 512: …      partial[block] = s
 *     total[0] += s                             kernel ()
 *                                                 s = sum for block < 220: partial[block]     total[0] += s
 *
 * Needs: a program without a memory plan, for buffers are added.
 */
import { access, at, load, rowsBuffer, variable } from "../../ir/kernel/build.ts";
import type { Buffer, Kernel, KernelProgram, Stage, Statement } from "../../ir/kernel/types.ts";
import { expressions } from "../../ir/kernel/walk.ts";
import { shares } from "./parallel.ts";

export function splitSums(program: KernelProgram): KernelProgram {
  const made: Buffer[] = [];
  const visit = (s: Statement): readonly Statement[] => {
    if (s.kind === "loop") return [{ ...s, body: s.body.flatMap(visit) }];
    if (s.kind === "if") return [{ ...s, then: s.then.flatMap(visit) }];
    return s.kind === "kernel" ? split(s, made) : [s];
  };
  const entries = program.entries.map((e) => ({ ...e, body: e.body.flatMap(visit) }));
  return { ...program, entries, buffers: [...program.buffers, ...made], plan: null };
}

function split(kernel: Kernel, made: Buffer[]): readonly Kernel[] {
  const { serial, parallel } = shares(kernel);
  const stores = kernel.stages.filter((s) => s.kind === "store");
  const [store] = stores;
  if (serial.length === 0 || stores.length !== 1 || !store || store.loops.length > 0) return [kernel];
  if (!kernel.stages.some((s) => s.kind === "reduce")) return [kernel];
  const byRow = new Set(serial.map((l) => l.variable));
  const isFixedPlace = store.to.index.every((e) =>
    expressions([e]).every((x) => x.kind !== "load" && !(x.kind === "variable" && byRow.has(x.variable))),
  );
  if (!isFixedPlace) return [kernel];
  const { dtype } = store.to.buffer;
  const name = `partial.${made.length}`;
  const partial = rowsBuffer(
    name,
    dtype,
    kernel.loops.map((l) => l.extent),
    "temporary",
  );
  made.push(partial);
  const place = access(
    partial,
    kernel.loops.map((l) => at(l.variable)),
  );
  const result = variable("sum");
  const total: Stage = { kind: "reduce", loops: serial, fn: "sum", value: load(place), result };
  return [
    {
      ...kernel,
      stages: kernel.stages.map((s) => (s === store ? { ...store, to: place, accumulate: false } : s)),
    },
    {
      kind: "kernel",
      name: `${kernel.name} sum`,
      loops: parallel,
      stages: [total, { ...store, value: { kind: "reduced", dtype, stage: result } }],
    },
  ];
}
