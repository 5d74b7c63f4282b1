/** Kernels that are one instruction: zeros over a whole buffer, and a copy of one buffer into another of its shape. */
import { fixedElements, rowDims, sameExtent } from "../../ir/kernel/build.ts";
import type { Access, Buffer, Extent, Kernel, Loop } from "../../ir/kernel/types.ts";
import { addressOf } from "./address.ts";
import { extentStride, scale, unit } from "./affine.ts";
import type { Ref } from "./code.ts";
import type { Scope } from "./scope.ts";
import { openScope, strideBytes } from "./scope.ts";
import type { Writer } from "./writer.ts";

/** Whether the loops run over every element of the buffer, each dim's index a loop of its own. */
function coversAll({ buffer, index }: Access, loops: readonly Loop[]): boolean {
  const used = index.map((e, d) =>
    loops.find(
      (l) => e.kind === "variable" && e.variable === l.variable && sameExtent(l.extent, buffer.dims[d]!),
    ),
  );
  return !used.includes(undefined) && new Set(used).size === loops.length && index.length === loops.length;
}

/** Bytes of a buffer, padding included. */
function bytesOf(w: Writer, buffer: Buffer): Ref {
  const outer: readonly Extent[] =
    buffer.layout.kind === "panels" ? [] : buffer.dims.slice(0, buffer.dims.length - rowDims(buffer.dims));
  const stride = outer.map(extentStride).reduce(scale, unit(fixedElements(buffer)));
  return w.code.int(strideBytes(w, stride));
}

const sameLayout = (a: Buffer, b: Buffer): boolean =>
  a.dims.length === b.dims.length &&
  a.dims.every((d, i) => sameExtent(d, b.dims[i]!)) &&
  (a.layout.kind === "rows"
    ? b.layout.kind === "rows" && a.layout.rowStride === b.layout.rowStride
    : b.layout.kind === "panels" && a.layout.columns === b.layout.columns);

/** The address of the first element. */
function start(w: Writer, scope: Scope, access: Access, loops: readonly Loop[]): Ref {
  const first = loops.reduce((at, l) => openScope(at, { variable: l.variable, value: 0, step: 0 }), scope);
  const { pointer, offset } = addressOf(w, first, access);
  return w.code.add(pointer(), offset);
}

/** Writes the kernel if it is such a one. */
export function writeBlockMove(w: Writer, scope: Scope, kernel: Kernel): boolean {
  const [stage, ...others] = kernel.stages;
  if (!stage || others.length > 0 || stage.kind !== "store" || stage.accumulate) return false;
  const loops = [...kernel.loops, ...stage.loops];
  const { to, value } = stage;
  const { m } = w.code;
  if (!coversAll(to, loops)) return false;
  if (value.kind === "constant" && Object.is(value.value, 0)) {
    scope.code.push(m.memory.fill(start(w, scope, to, loops), m.i32.const(0), bytesOf(w, to.buffer)));
    return true;
  }
  if (value.kind !== "load" || !sameLayout(to.buffer, value.from.buffer)) return false;
  if (!value.from.index.every((e, d) => e === to.index[d] || sameVariable(e, to.index[d]!))) return false;
  const from = start(w, scope, value.from, loops);
  scope.code.push(m.memory.copy(start(w, scope, to, loops), from, bytesOf(w, to.buffer)));
  return true;
}

const sameVariable = (a: Access["index"][number], b: Access["index"][number]): boolean =>
  a.kind === "variable" && b.kind === "variable" && a.variable === b.variable;
