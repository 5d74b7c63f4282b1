/**
 * Which temporaries may not share memory on a GPU: two of one time loop whose rows differ in length. A loop in one dispatch
 * runs its examples side by side, so one example's row of the first would lie where another example's of the second does.
 */
import { fixedElements } from "../../ir/kernel/build.ts";
import type { Buffer, KernelProgram, Statement } from "../../ir/kernel/types.ts";
import { root, touches } from "../../ir/kernel/walk.ts";
import { outerDims } from "./textures.ts";

export function apartOn(program: KernelProgram): (a: Buffer, b: Buffer) => boolean {
  const loops = program.entries.flatMap((e) => loopsOf(e.body));
  const touched = loops.map((loop) => new Set(touches(loop).map((t) => root(t.access.buffer))));
  return (a, b) => !sameRows(a, b) && touched.some((set) => set.has(a) && set.has(b));
}

/** Outermost loops: what lies in them shares their fate. */
const loopsOf = (body: readonly Statement[]): readonly Statement[] =>
  body.flatMap((s) => (s.kind === "loop" ? [s] : s.kind === "if" ? loopsOf(s.then) : []));

const sameRows = (a: Buffer, b: Buffer): boolean =>
  fixedElements(a) === fixedElements(b) && JSON.stringify(outerDims(a)) === JSON.stringify(outerDims(b));
