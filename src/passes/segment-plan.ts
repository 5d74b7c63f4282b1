/**
 * What each phase has to compute again, and which sequences are kept over all steps. A phase computes what it reads of earlier
 * ones segment by segment: each step for itself in any phase, a recurrence in one more phase, from its states at the segment's
 * edge. What cannot be had so is kept: what something reads as a whole, and states that several phases read, such as the
 * outputs of layers in both directions. Where there is a choice, what is smaller is kept.
 */
import { fixedElements } from "../ir/kernel/build.ts";
import type { Access, Buffer, Statement } from "../ir/kernel/types.ts";
import { overlaps, readBy, touches } from "../ir/kernel/walk.ts";
import type { Phases } from "./segment-phases.ts";
import type { Role, Steps } from "./segment-roles.ts";

export interface SegmentPlan {
  /** Sequences that keep all steps; of the others only a segment's lie in memory. */
  readonly kept: ReadonlySet<Buffer>;
  /** By phase, 1 first: what runs in it again, and what of its results is wanted. */
  readonly again: readonly Runs[];
}

export type Runs = ReadonlyMap<Role, ReadonlySet<Buffer>>;

export function planSegments(
  roles: readonly Role[],
  { times, backwards }: Phases,
  steps: Steps,
): SegmentPlan {
  const place = new Map(roles.map((role, k) => [role, k] as const));
  const phaseOf = (role: Role): number => times[place.get(role)!]! / 2;
  /** The phases in which a sequence is read, but for those in which it comes about. */
  const phasesAway = (buffer: Buffer): ReadonlySet<number> => {
    const using = roles.filter((r) => r.kind !== "whole" && r.uses.some((u) => u.buffer === buffer));
    const writing = new Set(
      using.flatMap((r) => (r.uses.some((u) => u.write && u.buffer === buffer) ? [phaseOf(r)] : [])),
    );
    return new Set(using.map(phaseOf).filter((phase) => !writing.has(phase)));
  };
  const kept = new Set(wholeSequences(roles, steps));
  for (const buffer of new Set(roles.flatMap((r) => r.uses.map((u) => u.buffer))))
    if (steps.isHistory(buffer) && phasesAway(buffer).size > 1) kept.add(buffer);
  /** The phase in which a recurrence runs again. */
  const claimed = new Map<Role, number>();
  const isCut = (buffer: Buffer): boolean => steps.isSequence(buffer) && !kept.has(buffer);
  const localReads = (role: Role, wanted: ReadonlySet<Buffer> | null): Buffer[] => {
    const reads = wanted && role.kind === "loop" ? readBy(slice(role.statement, wanted)) : null;
    return role.uses.flatMap((u) =>
      !u.write && u.local && isCut(u.buffer) && (reads?.has(u.buffer) ?? true) ? [u.buffer] : [],
    );
  };
  const writersOf = (buffer: Buffer, reader: Role): Role[] =>
    roles
      .slice(0, place.get(reader)! + 1)
      .filter((r) => r.uses.some((u) => u.write && u.local && u.buffer === buffer));
  const isChangedAfter = (role: Role, buffer: Buffer): boolean =>
    roles.some((r, k) => k > place.get(role)! && r.uses.some((u) => u.write && overlaps(u.buffer, buffer)));

  /** Whether a role may run in a later phase too, apart from what it reads of segments. */
  const mayRunAgain = (role: Role, phase: number): boolean => {
    const isOnce = role.kind === "loop" && (claimed.get(role) ?? phase) === phase;
    if (role.kind !== "map" && !isOnce) return false;
    const reads = new Set(role.uses.flatMap((u) => (u.write ? [] : [u.buffer])));
    const writes = new Set(role.uses.flatMap((u) => (u.write ? [u.buffer] : [])));
    const isRepeatable = (buffer: Buffer): boolean =>
      kept.has(buffer) ? steps.isHistory(buffer) || !reads.has(buffer) : buffer.layout.kind === "rows";
    return (
      [...writes].every((b) => isCut(b) || isRepeatable(b)) &&
      [...reads].every((b) => isCut(b) || writes.has(b) || !isChangedAfter(role, b))
    );
  };

  /** Lets what writes a sequence run again before its reader; gives what has to be kept for that, at most the sequence itself. */
  const provide = (
    buffer: Buffer,
    reader: Role,
    phase: number,
    runs: Map<Role, Set<Buffer>>,
  ): readonly Buffer[] => {
    const missing = writersOf(buffer, reader).flatMap((writer): readonly Buffer[] => {
      if (writer === reader || phaseOf(writer) === phase) return [];
      const wanted = runs.get(writer);
      if (wanted?.has(buffer)) return [];
      if (!wanted && !mayRunAgain(writer, phase)) return [buffer];
      const all = new Set([...(wanted ?? []), buffer]);
      runs.set(writer, all);
      return localReads(writer, all).flatMap((x) => provide(x, writer, phase, runs));
    });
    const total = [...new Set(missing)].reduce((sum, b) => sum + fixedElements(b), 0);
    return total < fixedElements(buffer) ? missing : [buffer];
  };

  const runsIn = (phase: number): Runs | null => {
    let runs = new Map<Role, Set<Buffer>>();
    for (const role of roles.filter((r) => r.kind !== "whole" && phaseOf(r) === phase))
      for (const buffer of localReads(role, null)) {
        const trial = new Map(runs);
        const missing = provide(buffer, role, phase, trial);
        missing.forEach((b) => kept.add(b));
        if (missing.length > 0) return null;
        runs = trial;
        for (const r of runs.keys()) if (r.kind === "loop") claimed.set(r, phase);
      }
    return runs;
  };

  for (;;) {
    claimed.clear();
    const again = backwards.map((_, k) => runsIn(k + 1));
    if (again.every((runs) => runs !== null)) return { kept, again };
  }
}

/** Sequences that something reads or writes otherwise than step by step, and what does not belong to the entry alone. */
function wholeSequences(roles: readonly Role[], steps: Steps): Buffer[] {
  return roles.flatMap((role) =>
    role.uses.flatMap(({ buffer, local }) => {
      if (!steps.isSequence(buffer)) return [];
      const isOwn = buffer.role === "temporary" && (local || isAtEdges(buffer, role, roles, steps));
      return isOwn ? [] : [buffer];
    }),
  );
}

/** Whether a statement only sets the start of states, or reads their end. */
function isAtEdges(buffer: Buffer, role: Role, roles: readonly Role[], steps: Steps): boolean {
  const loops = roles.filter((r) => r.kind === "loop" && r.uses.some((u) => u.write && u.buffer === buffer));
  if (role.kind !== "whole" || !steps.isHistory(buffer) || loops.length !== 1) return false;
  const { backwards } = loops[0]!;
  return touches(role.statement).every(
    ({ access, write }) =>
      access.buffer !== buffer || (write === backwards ? isLast(access, steps) : isFirst(access)),
  );
}

const isFirst = ({ index: [first] }: Access): boolean => first?.kind === "constant" && first.value === 0;

const isLast = ({ index: [first] }: Access, { isSteps }: Steps): boolean =>
  first?.kind === "extent" && isSteps(first.extent);

// ---- parts of a recurrence ----------------------------------------------------------------------------------

/** The statements of a loop's body that it takes to compute some of its results. */
export function slice(loop: Statement, wanted: ReadonlySet<Buffer>): readonly Statement[] {
  if (loop.kind !== "loop") return [loop];
  const needed = new Set(wanted);
  const taken = new Set<Statement>();
  for (let size = -1; size !== taken.size;) {
    size = taken.size;
    for (const s of loop.body) {
      if (taken.has(s) || !touches(s).some((t) => t.write && needed.has(t.access.buffer))) continue;
      taken.add(s);
      for (const buffer of readBy([s])) needed.add(buffer);
    }
  }
  return loop.body.filter((s) => taken.has(s));
}
