/**
 * The update of all parameters as kernel statements: the gradient's norm, the scalars of this update, and one
 * pointwise kernel over the flat buffers. It lies in the module like everything else, so a training step is one
 * call, and adam costs one pass over memory.
 *
 * An update whose gradient has no finite norm is skipped: parameters and moments keep, `updates` (adam's t) does not
 * count it, but `step` does, so the next step draws other random numbers. Clipping by norm is Pascanu et al. 2013.
 */
import {
  access,
  at,
  binary,
  f32,
  fixed,
  fixedElements,
  i32,
  load,
  loop,
  select,
  store,
  unary,
  variable,
} from "../ir/kernel/build.ts";
import type { Access, Buffer, Expression, Kernel, Stage, Statement } from "../ir/kernel/types.ts";
import { startOf } from "../ir/kernel/walk.ts";
import { ruleOf } from "./optimiser-rules.ts";
import { eachMet, type Rows } from "./sparse-rows.ts";
import type { OptimiserSettings } from "./train-settings.ts";
import {
  counterIndex,
  onlyTurn,
  scalar,
  scalarAt,
  settingIndex,
  type TrainingBuffers,
  type Turn,
  turnCounters,
  turnReport,
} from "./training-buffers.ts";

export { momentCount, momentNames } from "./optimiser-rules.ts";

/** Places in the `factors` buffer. */
const factorIndex = { squares: 0, clip: 1, stepSize: 2, correction: 3, average: 4 } as const;

/** The weights of a table that is looked up in, with their gradient: see `sparse-rows`. */
export interface Table extends Rows {
  readonly parameter: Buffer;
  /** In the order of `momentNames`. */
  readonly moments: readonly Buffer[];
  /** The dim of these buffers that rows are counted along. */
  readonly dim: number;
  /** Rows that are not met are known to be zero, and the others are marked. */
  readonly isSparse: boolean;
}

/** Whether a row whose gradient is zero stays as it is: by the rule itself, or because it is asked for. */
export const sparesRows = ({ optimiser, regularize, average }: OptimiserSettings): boolean =>
  optimiser.kind === "adam"
    ? optimiser.lazy
    : (optimiser.kind === "sgd" || optimiser.kind === "adagrad") &&
      optimiser.decay === 0 &&
      regularize.l2 === 0 &&
      average === null;

export function optimiserStatements(
  settings: OptimiserSettings,
  flat: TrainingBuffers,
  turn: Turn = onlyTurn,
  tables: readonly Table[] = [],
): readonly Statement[] {
  const spared = sparesRows(settings) ? tables : [];
  return [
    ...sumOfSquares(flat, tables),
    scalars(settings, flat, turn),
    {
      kind: "if",
      condition: binary("eq", scalar(flat.counters, turnCounters(turn).skipped), i32(0)),
      then: [
        ...partsBeside(flat, spared).map((part) => elements(settings, flat, part)),
        ...spared.map((table) => elementsOfRows(settings, flat, table)),
      ],
    },
  ];
}

/** A part of the flat buffers. */
interface Part {
  readonly from: number;
  readonly length: number;
}

/** What of the flat buffers is not the tables'. */
function partsBeside({ gradients }: TrainingBuffers, tables: readonly Table[]): readonly Part[] {
  const start = startOf(gradients);
  const end = gradients.dims[0]!.plus;
  const parts: Part[] = [];
  let from = 0;
  for (const { gradient } of [...tables].sort((a, b) => startOf(a.gradient) - startOf(b.gradient))) {
    const at = startOf(gradient) - start;
    if (at > from) parts.push({ from, length: at - from });
    from = at + fixedElements(gradient);
  }
  return end > from || tables.length === 0 ? [...parts, { from, length: end - from }] : parts;
}

// ---- the norm -----------------------------------------------------------------------------------------------

/** Sums of sums: in float32 a single sum of a million squares would lose its last digits. */
const blockSize = 512;

function sumOfSquares(flat: TrainingBuffers, tables: readonly Table[]): readonly Statement[] {
  const to = scalarAt(flat.factors, factorIndex.squares);
  const sparse = tables.filter((t) => t.isSparse);
  const clear: Kernel = kernel("norm.clear", [], [store(to, f32(0))]);
  return [
    clear,
    ...partsBeside(flat, sparse).flatMap(blocksOfSquares),
    ...tables.map((t) => (t.isSparse ? eachMet(t, 1, (row) => [squaresOfRow(t, row, [])]) : marksOfRows(t))),
  ];

  function blocksOfSquares({ from, length }: Part): readonly Statement[] {
    const blocks = Math.floor(length / blockSize);
    const rest = length % blockSize;
    const whole = loop("block", fixed(blocks));
    const first = binary("mul", at(whole.variable), i32(blockSize));
    const start = from === 0 ? first : binary("add", first, i32(from));
    const parts: Kernel[] = [];
    if (blocks > 0) parts.push(addSquares("norm.blocks", [whole], blockSize, start));
    if (rest > 0) parts.push(addSquares("norm.rest", [], rest, i32(from + blocks * blockSize)));
    return parts;
  }

  function addSquares(name: string, loops: Kernel["loops"], length: number, from: Expression): Kernel {
    const inner = loop("i", fixed(length));
    const element = load(access(flat.gradients, [binary("add", from, at(inner.variable))]));
    const { sum, stage } = sumStage([inner], binary("mul", element, element));
    return kernel(name, loops, [stage, { ...store(to, sum), accumulate: true }]);
  }

  function squaresOfRow(table: Table, row: Expression, loops: Kernel["loops"]): Kernel {
    const { inner, place } = rowOf(table, row);
    const element = load(place(table.gradient));
    const { sum, stage } = sumStage(inner, binary("mul", element, element));
    const isLearned = binary("gt", sum, f32(0));
    const mark = store(access(table.met, [row]), select(isLearned, i32(2), i32(table.isSparse ? 1 : 0)));
    const added = { ...store(to, sum), accumulate: true };
    return kernel(
      `${table.gradient.name} norm`,
      loops,
      table.isSparse ? [stage, added, mark] : [stage, mark],
    );
  }

  function marksOfRows(table: Table): Kernel {
    const row = loop("v", table.met.dims[0]!);
    return squaresOfRow(table, at(row.variable), [row]);
  }
}

function sumStage(
  loops: Kernel["loops"],
  value: Expression,
): { readonly sum: Expression; readonly stage: Stage } {
  const result = variable("sum");
  const sum: Expression = { kind: "reduced", dtype: "f32", stage: result };
  return { sum, stage: { kind: "reduce", loops, fn: "sum", value, result } };
}

/** The loops over a row, and where each of its elements is in a buffer like the table's. */
function rowOf(
  { gradient, dim }: Table,
  row: Expression,
): { readonly inner: Kernel["loops"]; readonly place: (buffer: Buffer) => Access } {
  const loops = gradient.dims.map((d, k) => loop(`d${k}`, d));
  const index = loops.map((l, k) => (k === dim ? row : at(l.variable)));
  return { inner: loops.filter((_, k) => k !== dim), place: (buffer) => access(buffer, index) };
}

// ---- once an update -----------------------------------------------------------------------------------------

function scalars(settings: OptimiserSettings, flat: TrainingBuffers, turn: Turn): Kernel {
  const { counters, factors, report } = flat;
  const [counter, reported] = [turnCounters(turn), turnReport(turn)];
  const norm = unary("sqrt", scalar(factors, factorIndex.squares));
  // False for NaN too.
  const finite = binary("lt", norm, f32(Infinity));
  const updates = binary("add", scalar(counters, counter.updates), i32(1));
  const t = unary("float", updates);
  const rate = scalar(flat.settings, settingIndex.rate);
  const stages: Stage[] = [
    store(scalarAt(report, reported.gradientNorm), norm),
    store(scalarAt(report, reported.skipped), select(finite, f32(0), f32(1))),
    store(scalarAt(counters, counter.skipped), select(finite, i32(0), i32(1))),
  ];
  if (settings.clip.norm !== null) {
    const ratio = binary("div", f32(settings.clip.norm), binary("add", norm, f32(1e-6)));
    stages.push(store(scalarAt(factors, factorIndex.clip), binary("min", f32(1), ratio)));
  }
  const { betas } = ruleOf(settings.optimiser);
  if (betas !== null) {
    const [first, second] = betas.map((beta) => oneMinusPower(beta, t));
    const correction = binary("div", f32(1), unary("sqrt", second!));
    stages.push(
      store(scalarAt(factors, factorIndex.stepSize), binary("div", rate, first!)),
      store(scalarAt(factors, factorIndex.correction), correction),
    );
  }
  if (settings.average !== null) {
    const share = binary("max", binary("div", f32(1), t), f32(1 - settings.average.decay));
    stages.push(store(scalarAt(factors, factorIndex.average), share));
  }
  const step = scalar(counters, counterIndex.step);
  if (turn.isLast) stages.push(store(scalarAt(counters, counterIndex.step), binary("add", step, i32(1))));
  stages.push(
    store(scalarAt(counters, counter.updates), select(finite, updates, scalar(counters, counter.updates))),
  );
  return kernel("update.scalars", [], stages);
}

/**
 * 1 - β^t. Near 0 by a series of 1 - e^x, for as a difference 1 - 0.999 has lost 13 of float32's 24 bits; the first
 * updates would be wrong in the sixth digit.
 */
function oneMinusPower(beta: number, t: Expression): Expression {
  const x = binary("mul", t, f32(Math.max(Math.log(beta), -100)));
  let series = f32(1);
  for (let k = 7; k >= 2; k--) {
    series = binary("add", f32(1), binary("mul", binary("mul", x, f32(1 / k)), series));
  }
  const near = unary("neg", binary("mul", x, series));
  return select(binary("gt", x, f32(-0.25)), near, binary("sub", f32(1), unary("exp", x)));
}

// ---- every element ------------------------------------------------------------------------------------------

function elements(settings: OptimiserSettings, flat: TrainingBuffers, { from, length }: Part): Kernel {
  const i = loop("i", fixed(length));
  const element = from === 0 ? at(i.variable) : binary("add", at(i.variable), i32(from));
  const place = (buffer: Buffer): Access => access(buffer, [element]);
  const { parameters, gradients, moments } = flat;
  return kernel(
    "update",
    [i],
    nextOf(settings, flat, place(parameters), place(gradients), moments.map(place)).map(({ to, value }) =>
      store(to, value),
    ),
  );
}

/** Of the rows that have learned something; the others keep what they have. */
function elementsOfRows(settings: OptimiserSettings, flat: TrainingBuffers, table: Table): Statement {
  const { parameter, gradient, moments, met, isSparse } = table;
  const next = (place: (buffer: Buffer) => Access): readonly Next[] =>
    nextOf(settings, flat, place(parameter), place(gradient), moments.map(place));
  const name = `${parameter.name} update`;
  if (isSparse)
    return eachMet(table, 2, (row) => {
      const { inner, place } = rowOf(table, row);
      return [
        kernel(
          name,
          inner,
          next(place).map(({ to, value }) => store(to, value)),
        ),
      ];
    });
  const row = loop("v", met.dims[0]!);
  const { inner, place } = rowOf(table, at(row.variable));
  const isLearned = binary("ge", load(access(met, [at(row.variable)])), i32(2));
  return kernel(
    name,
    [row, ...inner],
    next(place).map(({ to, value }) => store(to, select(isLearned, value, load(to)))),
  );
}

interface Next {
  readonly to: Access;
  readonly value: Expression;
}

/** One element of the parameters and moments, after the update. */
function nextOf(
  settings: OptimiserSettings,
  flat: TrainingBuffers,
  to: Access,
  gradient: Access,
  moments: readonly Access[],
): readonly Next[] {
  const { optimiser, average } = settings;
  const parameter = load(to);
  const rule = ruleOf(optimiser);
  const [nextParameter, nextMoments] = rule.update({
    parameter,
    gradient: regularised(settings, flat, load(gradient), parameter),
    moments: rule.moments.map((_, k) => load(moments[k]!)),
    rate: scalar(flat.settings, settingIndex.rate),
    stepSize: scalar(flat.factors, factorIndex.stepSize),
    correction: scalar(flat.factors, factorIndex.correction),
  });
  const next: Next[] = [];
  if (average !== null) {
    const to = moments[rule.moments.length]!;
    const share = scalar(flat.factors, factorIndex.average);
    const before = load(to);
    const change = binary("mul", share, binary("sub", nextParameter, before));
    next.push({ to, value: binary("add", before, change) });
  }
  // Shared expressions are computed once per point, so it does not matter that θ and the moments are read and written.
  return [
    ...next,
    { to, value: nextParameter },
    ...nextMoments.map((value, k) => ({ to: moments[k]!, value })),
  ];
}

/** The gradient that the rule sees: clipped as a whole, then each element, then with the pull of L2. */
function regularised(
  settings: OptimiserSettings,
  flat: TrainingBuffers,
  gradient: Expression,
  parameter: Expression,
): Expression {
  const { clip, regularize, optimiser } = settings;
  let result = gradient;
  if (clip.norm !== null) result = binary("mul", result, scalar(flat.factors, factorIndex.clip));
  if (clip.value !== null) {
    result = binary("max", binary("min", result, f32(clip.value)), f32(-clip.value));
  }
  const l2 = regularize.l2 + (optimiser.kind === "adamw" ? 0 : optimiser.decay);
  return l2 === 0 ? result : binary("add", result, binary("mul", f32(l2), parameter));
}

const kernel = (name: string, loops: Kernel["loops"], stages: readonly Stage[]): Kernel => ({
  kind: "kernel",
  name,
  loops,
  stages,
});
