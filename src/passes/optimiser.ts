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
  i32,
  load,
  loop,
  select,
  unary,
  variable,
} from "../ir/kernel/build.ts";
import type { Access, Buffer, Expression, Kernel, Stage, Statement } from "../ir/kernel/types.ts";
import { ruleOf } from "./optimiser-rules.ts";
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

export function optimiserStatements(
  settings: OptimiserSettings,
  flat: TrainingBuffers,
  turn: Turn = onlyTurn,
): readonly Statement[] {
  return [
    ...sumOfSquares(flat.gradients, scalarAt(flat.factors, factorIndex.squares)),
    scalars(settings, flat, turn),
    {
      kind: "if",
      condition: binary("eq", scalar(flat.counters, turnCounters(turn).skipped), i32(0)),
      then: [elements(settings, flat)],
    },
  ];
}

// ---- the norm -----------------------------------------------------------------------------------------------

/** Sums of sums: in float32 a single sum of a million squares would lose its last digits. */
const blockSize = 512;

function sumOfSquares(buffer: Buffer, to: Access): readonly Statement[] {
  const count = buffer.dims[0]!.plus;
  const blocks = Math.floor(count / blockSize);
  const rest = count % blockSize;
  const clear: Kernel = kernel("norm.clear", [], [store(to, f32(0))]);
  const whole = loop("block", fixed(blocks));
  const parts: Kernel[] = [];
  if (blocks > 0)
    parts.push(
      addSquares("norm.blocks", [whole], blockSize, binary("mul", at(whole.variable), i32(blockSize))),
    );
  if (rest > 0) parts.push(addSquares("norm.rest", [], rest, i32(blocks * blockSize)));
  return [clear, ...parts];

  function addSquares(name: string, loops: Kernel["loops"], length: number, from: Expression): Kernel {
    const inner = loop("i", fixed(length));
    const element = load(access(buffer, [binary("add", from, at(inner.variable))]));
    const result = variable("sum");
    return kernel(name, loops, [
      { kind: "reduce", loops: [inner], fn: "sum", value: binary("mul", element, element), result },
      {
        kind: "store",
        loops: [],
        to,
        value: { kind: "reduced", dtype: "f32", stage: result },
        accumulate: true,
      },
    ]);
  }
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

function elements(settings: OptimiserSettings, flat: TrainingBuffers): Kernel {
  const { optimiser, average } = settings;
  const i = loop("i", flat.parameters.dims[0]!);
  const place = (buffer: Buffer): Access => access(buffer, [at(i.variable)]);
  const parameter = load(place(flat.parameters));
  const rule = ruleOf(optimiser);
  const [nextParameter, nextMoments] = rule.update({
    parameter,
    gradient: regularised(settings, flat, load(place(flat.gradients)), parameter),
    moments: rule.moments.map((_, k) => load(place(flat.moments[k]!))),
    rate: scalar(flat.settings, settingIndex.rate),
    stepSize: scalar(flat.factors, factorIndex.stepSize),
    correction: scalar(flat.factors, factorIndex.correction),
  });
  const stages: Stage[] = [];
  if (average !== null) {
    const to = place(flat.moments[rule.moments.length]!);
    const share = scalar(flat.factors, factorIndex.average);
    const before = load(to);
    const change = binary("mul", share, binary("sub", nextParameter, before));
    stages.push(store(to, binary("add", before, change)));
  }
  stages.push(store(place(flat.parameters), nextParameter));
  nextMoments.forEach((next, k) => stages.push(store(place(flat.moments[k]!), next)));
  // Shared expressions are computed once per point, so it does not matter that θ and the moments are read and written.
  return kernel("update", [i], stages);
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

const store = (to: Access, value: Expression): Stage => ({
  kind: "store",
  loops: [],
  to,
  value,
  accumulate: false,
});
