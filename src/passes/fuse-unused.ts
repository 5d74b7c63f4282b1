/**
 * Drops what nobody reads: stores to temporaries, reductions whose result is unused, products, and the statements
 * that are left without anything to do.
 */
import type { Buffer, Entry, Kernel, KernelProgram, Statement } from "../ir/kernel/types.ts";
import { expressions, kernelRoots, touches } from "../ir/kernel/walk.ts";

export function dropUnused(entry: Entry): Entry {
  let { body } = entry;
  for (;;) {
    const read = readBuffers(body);
    const next = prune(body, (buffer) => buffer.role !== "temporary" || read.has(buffer));
    if (next === body) return { ...entry, body };
    body = next;
  }
}

/** Temporaries that no entry touches go. */
export function dropBuffers(program: KernelProgram): KernelProgram {
  const used = new Set(
    program.entries.flatMap((e) => e.body.flatMap((s) => touches(s).map((t) => t.access.buffer))),
  );
  return { ...program, buffers: program.buffers.filter((b) => b.role !== "temporary" || used.has(b)) };
}

/** Buffers read by anything but the statement's own continuing of what it stores there. */
function readBuffers(body: readonly Statement[]): Set<Buffer> {
  const found = new Set<Buffer>();
  const visit = (s: Statement): void => {
    if (s.kind === "loop") return s.body.forEach(visit);
    if (s.kind === "if") s.then.forEach(visit);
    const all = s.kind === "if" ? touches({ ...s, then: [] }) : touches(s);
    const own = s.kind === "product" ? s.to.buffer : null;
    for (const t of all) if (!t.write && t.access.buffer !== own) found.add(t.access.buffer);
  };
  body.forEach(visit);
  return found;
}

function prune(body: readonly Statement[], isWanted: (buffer: Buffer) => boolean): readonly Statement[] {
  const next = body.flatMap((s): Statement[] => {
    switch (s.kind) {
      case "kernel": {
        const kept = pruneKernel(s, isWanted);
        return kept ? [kept] : [];
      }
      case "product":
        return isWanted(s.to.buffer) ? [s] : [];
      case "loop": {
        const inner = prune(s.body, isWanted);
        return inner.length === 0 ? [] : [inner === s.body ? s : { ...s, body: inner }];
      }
      case "if": {
        const inner = prune(s.then, isWanted);
        return inner.length === 0 ? [] : [inner === s.then ? s : { ...s, then: inner }];
      }
      default:
        return s satisfies never;
    }
  });
  return next.length === body.length && next.every((s, k) => s === body[k]) ? body : next;
}

function pruneKernel(kernel: Kernel, isWanted: (buffer: Buffer) => boolean): Kernel | null {
  const stored = kernel.stages.filter((s) => s.kind === "reduce" || isWanted(s.to.buffer));
  const used = new Set(
    expressions(kernelRoots({ ...kernel, stages: stored })).flatMap((e) =>
      e.kind === "reduced" ? [e.stage] : [],
    ),
  );
  const stages = stored.filter((s) => s.kind === "store" || used.has(s.result));
  if (stages.length === 0) return null;
  return stages.length === kernel.stages.length ? kernel : { ...kernel, stages };
}
