/**
 * Which temporaries may not share memory on a GPU: two of one time loop. A loop in one dispatch runs its examples side by side
 * and lets threads wait only where buffers meet, so what lies in one place at two times would have to be waited for too.
 */
import type { Buffer, KernelProgram, Statement } from "../../ir/kernel/types.ts";
import { root, touches } from "../../ir/kernel/walk.ts";

export function apartOn(program: KernelProgram): (a: Buffer, b: Buffer) => boolean {
  const loops = program.entries.flatMap((e) => loopsOf(e.body));
  const touched = loops.map((loop) => new Set(touches(loop).map((t) => root(t.access.buffer))));
  return (a, b) => touched.some((set) => set.has(a) && set.has(b));
}

/** Outermost loops: what lies in them shares their fate. */
const loopsOf = (body: readonly Statement[]): readonly Statement[] =>
  body.flatMap((s) => (s.kind === "loop" ? [s] : s.kind === "if" ? loopsOf(s.then) : []));
