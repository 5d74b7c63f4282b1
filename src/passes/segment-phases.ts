/**
 * In which order statements run when sequences are cut into segments: phases, in each of which the segments are gone through
 * once, from the first or from the last. A recurrence runs in a phase of its direction as early as what it needs is
 * there, and what leads to it as late as it may: what only the way back needs is computed there and nowhere else. The rest runs
 * with what it needs.
 *
 *   1 forwards    the products of inputs, the recurrence
 *   2 backwards   (these again,) logits and losses, the reversed recurrence, the gradients of weights
 *
 * A `whole` statement runs between phases. Times: phase p is 2p, what runs after it 2p + 1.
 */
import type { Statement } from "../ir/kernel/types.ts";
import { overlaps } from "../ir/kernel/walk.ts";
import { onlyReduction, type Role } from "./segment-roles.ts";

export interface Phases {
  /** By statement, in the order of the program. */
  readonly times: readonly number[];
  /** Whether each phase starts from the last segment, phase 1 first. */
  readonly backwards: readonly boolean[];
}

/** When a statement may run, given one before it in the program that it has to do with. */
type Relation = "same phase" | "after";

export function phasesOf(roles: readonly Role[]): Phases {
  const relations = roles.map((late, k) =>
    roles.slice(0, k).map((early): Relation | null => relation(early, late)),
  );
  const times: number[] = [];
  const directions = new Map<number, boolean>();
  const earliest = (role: Role, k: number): number =>
    relations[k]!.reduce<number>(
      (time, is, j) =>
        is ? Math.max(time, is === "after" ? soonest(role, times[j]! + 1) : times[j]!) : time,
      role.kind === "whole" ? 1 : 2,
    );
  roles.forEach((role, k) => {
    let time = earliest(role, k);
    if (role.kind === "loop") {
      while ((directions.get(time) ?? role.backwards) !== role.backwards) time += 2;
      directions.set(time, role.backwards);
    }
    times.push(time);
  });

  // What leads to a fixed one runs as late as that allows, the rest as soon as what it needs is there.
  const isFixed = roles.map(
    ({ kind }, k) => kind === "loop" || (isValue(roles[k]!) && !directions.get(times[k]!)),
  );
  const leads = [...isFixed];
  for (let k = roles.length - 1; k >= 0; k--) {
    if (isFixed[k]) continue;
    let time = Infinity;
    for (let j = k + 1; j < roles.length; j++) {
      const is = leads[j] ? relations[j]![k] : null;
      if (is) time = Math.min(time, is === "after" ? latest(roles[k]!, times[j]!) : times[j]!);
    }
    leads[k] = time < Infinity;
    if (leads[k]) times[k] = time;
  }
  roles.forEach((role, k) => {
    if (!leads[k]) times[k] = earliest(role, k);
  });
  const last = Math.max(2, ...times.map((t) => t - (t % 2)));
  return {
    times,
    backwards: Array.from({ length: last / 2 }, (_, p) => directions.get(2 * (p + 1)) ?? false),
  };
}

/** A sum that is no gradient: added up from the first step, it has the bits that it has without segments. */
const isValue = ({ kind, statement, uses }: Role): boolean =>
  kind === "sum" &&
  statement.kind === "kernel" &&
  onlyReduction(statement) !== null &&
  !uses.some((u) => u.write && u.buffer.role === "gradient");

const isWhole = ({ kind }: Role): boolean => kind === "whole";

/** Whole statements have odd times, the others even ones. */
const soonest = (role: Role, time: number): number =>
  time % 2 === (isWhole(role) ? 1 : 0) ? time : time + 1;

const latest = (role: Role, time: number): number => {
  const before = time - 1;
  return before % 2 === (isWhole(role) ? 1 : 0) ? before : before - 1;
};

function relation(early: Role, late: Role): Relation | null {
  const bothWhole = isWhole(early) && isWhole(late);
  let found: Relation | null = null;
  for (const a of early.uses)
    for (const b of late.uses) {
      if (!(a.write || b.write) || !overlaps(a.buffer, b.buffer)) continue;
      const sameStep = a.local && b.local && a.buffer === b.buffer;
      const bothSums = early.kind === "sum" && late.kind === "sum" && addsOn(late.statement);
      if (!bothWhole && !sameStep && !bothSums) return "after";
      found = "same phase";
    }
  return found;
}

/** Whether a sum goes on from what is there. */
export function addsOn(statement: Statement): boolean {
  if (statement.kind === "product") {
    const { start, to } = statement;
    return start?.buffer === to.buffer;
  }
  return statement.kind === "kernel" && statement.stages.every((s) => s.kind === "store" && s.accumulate);
}
