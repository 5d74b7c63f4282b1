/**
 * segment: training in memory that grows as the square root of the steps (Chen et al. 2016; for recurrences Gruslys et al.
 * 2016). Sequences are cut into segments. On the way there only the states at the segments' starts are kept; on the way
 * back each segment runs again from them before its own way back, so that of all other sequences one segment is in
 * memory. Products over all steps, losses and the gradients of weights are computed segment by segment too.
 *
 *   product x·W over T                       loop s < S                       loop backwards s < S
 *   loop t < T         forward                 keep states of s                 states of s
 *   product logits over T           becomes    product x·W over K               product x·W, loop forward, product logits over K
 *   loop backwards t < T                       loop t < K  forward              loop backwards t < K
 *   product gradient of W over T                                                product gradient of W += over K
 *
 * It knows statements alone, no cell and no layer: segment-roles.ts says how each runs along the steps, segment-phases.ts
 * when, segment-plan.ts what is computed again and what is kept.
 *
 * Needs: what lower makes, before fuse; a runtime that gives `T` as the product of `T.steps` and `T.segments`, which are new
 * symbols. Makes true: entries for training use sequences along such axes by segments, where they can.
 */
import { access, at, binary, i32, load, loop, rowsBuffer, size, symbolic } from "../ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Entry,
  Expression,
  KernelProgram,
  SegmentedAxis,
  Statement,
} from "../ir/kernel/types.ts";
import { children, mapStatement, touches, withChildren, writtenBy } from "../ir/kernel/walk.ts";
import { dropBuffers } from "./fuse-unused.ts";
import { carried } from "./lifetimes.ts";
import { phasesOf } from "./segment-phases.ts";
import { planSegments, slice } from "./segment-plan.ts";
import { type Role, roleOf, type Steps, stepsOf, wholeRole } from "./segment-roles.ts";
import { cut, fill, partialSum, splitTerms } from "./segment-statements.ts";

export function segment(program: KernelProgram): KernelProgram {
  const buffers = [...program.buffers];
  const names = new Set(buffers.map((b) => b.name));
  const list = (buffer: Buffer): Buffer => {
    let { name } = buffer;
    for (let k = 2; names.has(name); k++) name = `${buffer.name}.${k}`;
    names.add(name);
    const named = { ...buffer, name };
    buffers.push(named);
    return named;
  };
  let { entries } = program;
  const axes: SegmentedAxis[] = [];
  for (const axis of recurrentAxes(program)) {
    const own = { axis, steps: `${axis}.steps`, segments: `${axis}.segments` };
    entries = entries.map((e) => (e.training ? segmentEntry(e, own, list) : e));
    axes.push(own);
  }
  const symbols = [...program.symbols, ...axes.flatMap(({ steps, segments }) => [steps, segments])];
  return dropBuffers({ ...program, entries, buffers, symbols, segmented: axes });
}

/** Axes along which something runs back through time, the one with the largest sequences first. */
function recurrentAxes({ entries, buffers, symbols }: KernelProgram): readonly string[] {
  const loops = entries.flatMap((e) => (e.training ? e.body.filter((s) => s.kind === "loop") : []));
  const weight = (symbol: string): number => {
    const { isSequence } = stepsOf(symbol);
    return buffers.filter((b) => b.role === "temporary" && isSequence(b)).length;
  };
  return symbols
    .filter((symbol) => symbol !== "B" && loops.some((l) => stepsOf(symbol).isSteps(l.loop.extent)))
    .toSorted((a, b) => weight(b) - weight(a));
}

function segmentEntry(entry: Entry, axis: SegmentedAxis, list: (buffer: Buffer) => Buffer): Entry {
  const steps = stepsOf(axis.axis);
  const roles = entry.body.flatMap((statement): Role[] => {
    const parts = splitTerms(statement, steps, list);
    return parts ? [roleOf(parts.terms, steps), wholeRole(parts.sum, steps)] : [roleOf(statement, steps)];
  });
  if (!roles.some((r) => r.kind === "loop")) return entry;
  const phases = phasesOf(roles);
  const plan = planSegments(roles, phases, steps);
  const timeOf = (k: number): number => phases.times[k]!;
  // What is made on the way, such as a sum that holds all steps of another axis of this length, is nobody's sequence.
  const sequences = roles.flatMap((r) => r.uses.map((u) => u.buffer)).filter(steps.isSequence);
  const isCut = new Set(sequences.filter((b) => !plan.kept.has(b)));
  const parts = makeParts(axis, isCut, list);
  const own = (phase: number): Role[] => roles.filter((_, k) => timeOf(k) === 2 * phase);
  /** Of a sequence of states that is cut, the phase in which it first comes about. */
  const phaseOf = new Map(
    roles.flatMap((r, k) =>
      r.kind === "loop" ? r.uses.flatMap((u) => (u.write ? [[u.buffer, timeOf(k) / 2] as const] : [])) : [],
    ),
  );
  const whole = (time: number): Statement[] =>
    roles.flatMap((r, k) =>
      timeOf(k) === time ? [atEdges(r.statement, axis, steps, (b) => parts.of(b, phaseOf.get(b)))] : [],
    );

  const body = whole(1);
  const kept = new Map<Role, readonly KeptState[]>();
  phases.backwards.forEach((reverse, p) => {
    const phase = p + 1;
    const turn = loop(axis.segments, symbolic(axis.segments));
    const runs = plan.again[p]!;
    const [before, head, middle, tail, after]: Statement[][] = [[], [], [], [], []];
    const part = (buffer: Buffer): Buffer | null => parts.of(buffer, phase);
    const clones = new Map<Buffer, Buffer>();
    const cutting = (role: Role, other: (buffer: Buffer) => Buffer) => ({
      steps: role.steps!,
      extent: symbolic(axis.steps),
      shift: binary("mul", at(turn.variable), size(symbolic(axis.steps))),
      partOf: part,
      other,
    });
    for (const role of own(phase)) {
      const wanted = plan.again.find((later) => later.has(role))?.get(role);
      if (!wanted) continue;
      const states = keepStates(role, wanted, axis, steps, part, list);
      kept.set(role, states);
      head!.push(...states.map((s) => s.save(at(turn.variable), part)));
    }
    for (const role of roles) {
      const wanted = runs.get(role);
      if (wanted && role.statement.kind === "loop") {
        const statements = slice(role.statement, wanted);
        const written = writtenBy(statements);
        for (const b of written)
          if (!steps.isSequence(b))
            clones.set(b, list({ ...b, name: `${b.name}.again`, role: "temporary", within: null }));
        const other = (b: Buffer): Buffer => (written.has(b) ? (clones.get(b) ?? b) : b);
        head!.push(...(kept.get(role) ?? []).map((s) => s.restore(at(turn.variable), part, other)));
        middle!.push(cut({ ...role.statement, body: statements }, cutting(role, other)));
      } else if (wanted)
        middle!.push(
          cut(
            role.statement,
            cutting(role, (b) => b),
          ),
        );
      else if (timeOf(roles.indexOf(role)) === 2 * phase) {
        const sum = role.kind === "sum" ? partialSum(role.statement, reverse, list) : null;
        before!.push(...(sum?.before ?? []));
        after!.push(...(sum?.after ?? []));
        middle!.push(
          cut(
            sum?.each ?? role.statement,
            cutting(role, (b) => b),
          ),
        );
        if (role.kind === "loop") tail!.push(...handOver(role, axis, steps, part));
      }
    }
    body.push(
      ...before!,
      { kind: "loop", loop: turn, reverse, body: [...head!, ...middle!, ...tail!] },
      ...after!,
    );
    body.push(...whole(2 * phase + 1));
  });
  return { ...entry, body };
}

// ---- parts of sequences -------------------------------------------------------------------------------------

interface Parts {
  /** What holds a segment of the sequence in a phase; null of what is no sequence, or kept whole. */
  readonly of: (buffer: Buffer, phase: number | undefined) => Buffer | null;
}

function makeParts(axis: SegmentedAxis, isCut: ReadonlySet<Buffer>, list: (buffer: Buffer) => Buffer): Parts {
  const made = new Map<string, Buffer>();
  const ids = new Map<Buffer, number>();
  return {
    of: (buffer, phase) => {
      if (phase === undefined || !isCut.has(buffer)) return null;
      if (!ids.has(buffer)) ids.set(buffer, ids.size);
      const key = `${ids.get(buffer)} ${phase}`;
      let part = made.get(key);
      if (!part) {
        const [first, ...rest] = buffer.dims;
        const dims = [symbolic(axis.steps, 1, first!.plus), ...rest];
        made.set(key, (part = list(rowsBuffer(`${buffer.name}.part`, buffer.dtype, dims, "temporary"))));
      }
      return part;
    },
  };
}

/** A statement that runs over no segments: where states start and end is the edge of what holds them. */
function atEdges(
  statement: Statement,
  axis: SegmentedAxis,
  steps: Steps,
  partOf: (buffer: Buffer) => Buffer | null,
): Statement {
  if (!touches(statement).some((t) => partOf(t.access.buffer))) return statement;
  const edge = (e: Expression): Expression =>
    e.kind === "extent" && steps.isSteps(e.extent) ? size(symbolic(axis.steps)) : e;
  const accessAt = ({ buffer, index }: Access): Access => {
    const part = partOf(buffer);
    return part
      ? access(part, [edge(index[0]!), ...index.slice(1).map(rewrite)])
      : access(buffer, index.map(rewrite));
  };
  const done = new Map<Expression, Expression>();
  const rewrite = (e: Expression): Expression => {
    let found = done.get(e);
    if (!found) {
      found =
        e.kind === "load" ? { ...e, from: accessAt(e.from) } : withChildren(e, children(e).map(rewrite));
      done.set(e, found);
    }
    return found;
  };
  return mapStatement(statement, { access: accessAt, expression: rewrite });
}

// ---- states from segment to segment ---------------------------------------------------------------------------

/** The place in a segment's states that the next segment goes on from, and where it starts. */
const edges = ({ backwards }: Role, { steps }: SegmentedAxis): { start: Expression; end: Expression } => {
  const [first, last] = [i32(0), size(symbolic(steps))];
  return backwards ? { start: last, end: first } : { start: first, end: last };
};

const cutHistories = (
  statements: readonly Statement[],
  steps: Steps,
  part: (b: Buffer) => Buffer | null,
): Buffer[] => [...writtenBy(statements)].filter((b) => steps.isHistory(b) && part(b));

/** The state that a segment ends with is that which the next one starts with. */
function handOver(
  role: Role,
  axis: SegmentedAxis,
  steps: Steps,
  part: (buffer: Buffer) => Buffer | null,
): Statement[] {
  const { start, end } = edges(role, axis);
  return cutHistories([role.statement], steps, part).map((history) => {
    const states = part(history)!;
    return fill(
      `${history.name} on`,
      history.dims.slice(1),
      (p) => access(states, [start, ...p]),
      (p) => load(access(states, [end, ...p])),
    );
  });
}

/** A state as it is at the start of each segment. */
interface KeptState {
  readonly save: (segment: Expression, part: (buffer: Buffer) => Buffer | null) => Statement;
  readonly restore: (
    segment: Expression,
    part: (buffer: Buffer) => Buffer | null,
    other: (buffer: Buffer) => Buffer,
  ) => Statement;
}

function keepStates(
  role: Role,
  wanted: ReadonlySet<Buffer>,
  axis: SegmentedAxis,
  steps: Steps,
  part: (buffer: Buffer) => Buffer | null,
  list: (buffer: Buffer) => Buffer,
): KeptState[] {
  const statements = slice(role.statement, wanted);
  const written = writtenBy(statements);
  const { start } = edges(role, axis);
  const states = [...carried(statements, role.steps!.variable)].filter(
    (b) => written.has(b) && !steps.isSequence(b),
  );
  const histories = cutHistories(statements, steps, part);
  return [...states, ...histories].map((buffer): KeptState => {
    const isHistory = histories.includes(buffer);
    const dims = isHistory ? buffer.dims.slice(1) : buffer.dims;
    const keeper = list(
      rowsBuffer(`${buffer.name}.kept`, buffer.dtype, [symbolic(axis.segments), ...dims], "temporary"),
    );
    const place = (b: Buffer, p: readonly Expression[]): Access => access(b, isHistory ? [start, ...p] : p);
    return {
      save: (segment, partOf) =>
        fill(
          `keep ${buffer.name}`,
          dims,
          (p) => access(keeper, [segment, ...p]),
          (p) => load(place(partOf(buffer) ?? buffer, p)),
        ),
      restore: (segment, partOf, other) =>
        fill(
          `${buffer.name} again`,
          dims,
          (p) => place(partOf(buffer) ?? other(buffer), p),
          (p) => load(access(keeper, [segment, ...p])),
        ),
    };
  });
}
