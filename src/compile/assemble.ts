/**
 * The kernel program of a model: its entries lowered together, and beside them what is not the model: the update of
 * the parameters and their start.
 */
import { objectiveEntry } from "../elaborate/objective.ts";
import type { Model } from "../elaborate/program.ts";
import { lengthAxes } from "../ir/graph/build.ts";
import type { Axis, Graph } from "../ir/graph/types.ts";
import { access } from "../ir/kernel/build.ts";
import type { Buffer, Entry, Expression, KernelProgram } from "../ir/kernel/types.ts";
import { i32 } from "../ir/kernel/build.ts";
import { overlaps, startOf } from "../ir/kernel/walk.ts";
import { stableHash } from "../passes/hash.ts";
import { initialiserStatements } from "../passes/initialise.ts";
import { lower } from "../passes/lower.ts";
import type { PlacedParameter } from "../passes/lower-parameters.ts";
import { optimiserStatements, type Table } from "../passes/optimiser.ts";
import { marksOf, type Rows, sparseRows, tableAxes } from "../passes/sparse-rows.ts";
import type { TrainSettings } from "../passes/train-settings.ts";
import { rangeOf, trainingBuffers, type TrainingBuffers } from "../passes/training-buffers.ts";
import type { Entries } from "./entries.ts";

export interface ProgramParts {
  readonly program: KernelProgram;
  readonly parameters: readonly PlacedParameter[];
  /** The axes that the dims of inputs, states and outputs run along, by buffer. */
  readonly axes: ReadonlyMap<string, readonly Axis[]>;
  readonly looksAhead: string | null;
  readonly generator: Entries["generator"];
}

export interface AssembleOptions {
  /** Losses are to be evaluated in segments too, as training computes them. */
  readonly segments?: boolean;
  /** The gradients of tables are those of the rows that are looked up: see `sparse-rows`. */
  readonly sparse?: boolean;
}

export function assemble(
  { graph, train }: Pick<Model, "graph" | "train">,
  entries: Entries,
  { segments = false, sparse = false }: AssembleOptions = {},
): ProgramParts {
  const { predict, evaluate, objectives, owner, step, generator, differentiable } = entries;
  const all = [
    ["predict", predict],
    ["evaluate", evaluate],
    ...objectives.map(({ net, graph }) => [objectiveEntry("gradients", net), graph] as const),
    ["step", step],
    ["begin", generator?.begin],
    ["next", generator?.next],
    ...differentiable.map((entry) => [entry.name, entry.graph] as const),
  ] as const;
  const graphs = all.flatMap(([entry, graph]) => (graph ? [{ name: entry, graph }] : []));
  const turns = Math.max(1, objectives.length);
  const { counters } = trainingBuffers(4, train, turns);
  const lowered = lower(graph.name, graphs, { counters, owner });
  const axes = new Map([
    ...[...lowered.inputs, ...lowered.outputs].map((x) => [x.buffer.name, x.axes] as const),
    ...lowered.lengths.map((x) => [x.buffer.name, lengthAxes(x.axis)] as const),
  ]);
  const parts = { parameters: lowered.parameters, axes, looksAhead: entries.looksAhead, generator };
  if (!lowered.flat) return { ...parts, program: lowered.program };

  const elements = lowered.flat.parameters.dims[0]!.plus;
  const made = trainingBuffers(elements, train, turns);
  const flat = { ...made, ...lowered.flat, counters: lowered.counters ?? counters };
  const targets = lowered.parameters.map((p) => ({
    member: p.parameter,
    target: (index: readonly Expression[]) => access(p.buffer, placed(p, index)),
    place: stableHash(p.parameter.name),
  }));
  const learns = objectives.length > 0;
  const start = initialiserStatements(targets, learns ? flat : { ...flat, moments: [] });
  // One objective has the flat buffers whole; of several each has a range of them.
  const isAlone = objectives.length === 1;
  const own = objectives.map((_, k) =>
    isAlone ? flat : rangeOf(flat, String(k), flat.ranges.get(k) ?? noRange),
  );
  const modelled = sparse ? sparseRows(lowered.program) : { program: lowered.program, rows: [] };
  const tables = learns ? tablesOf(graph, lowered.parameters, modelled.rows, flat, train) : [];
  const updates = objectives.map(({ net }, index): Entry => {
    const isLast = index === objectives.length - 1;
    const its = tables.filter((t) => overlaps(t.gradient, own[index]!.gradients));
    return {
      name: objectiveEntry("update", net),
      body: optimiserStatements(train, own[index]!, { index, isLast }, its),
      training: true,
    };
  });
  const extra: Entry[] = [{ name: "initialise", body: start.body }, ...updates];
  const hasGradients = learns || differentiable.length > 0;
  const trains = new Set<string>(objectives.map(({ net }) => objectiveEntry("gradients", net)));
  if (segments) trains.add("evaluate");
  const bodies = modelled.program.entries.map((e) => (trains.has(e.name) ? { ...e, training: true } : e));
  // A model without a loss is not trained: its memory is its parameters and what a prediction needs.
  const training = [...flat.moments, flat.settings, flat.report, flat.factors];
  const buffers: readonly Buffer[] = [
    ...modelled.program.buffers.filter((b) => hasGradients || b.role !== "gradient"),
    ...tables.flatMap((t) => [...t.moments, ...(t.isSparse ? [] : [t.met])]),
    ...(lowered.counters ? [] : [counters]),
    ...(learns ? training : []),
    ...(isAlone ? [] : own.flatMap((b) => [b.parameters, b.gradients, ...b.moments])),
    ...start.temporaries,
  ];
  return {
    ...parts,
    program: { ...lowered.program, buffers, entries: [...bodies, ...extra] },
  };
}

/** The tables whose rows are updated by themselves: those with sparse gradients, and all where an update is lazy. */
function tablesOf(
  graph: Graph,
  parameters: readonly PlacedParameter[],
  sparse: readonly Rows[],
  flat: TrainingBuffers,
  train: TrainSettings,
): readonly Table[] {
  const lookedUp = tableAxes(graph);
  const isLazy = train.optimiser.kind === "adam" && train.optimiser.lazy;
  return parameters.flatMap((p): Table[] => {
    const { parameter, buffer, gradient, stackDim, dims } = p;
    const rows = sparse.find((r) => r.gradient === gradient);
    const axis = lookedUp.get(parameter.name);
    if (!rows && !(isLazy && axis && stackDim === null)) return [];
    const dim = rows ? 0 : dims[parameter.axes.indexOf(axis!)]!;
    const moments = flat.moments.map((m): Buffer => ({
      ...gradient,
      name: `${m.name}.${buffer.name}`,
      role: "moment",
      within: { buffer: m, offset: startOf(gradient) },
    }));
    const { met } = rows ?? { met: marksOf(gradient, dim) };
    return [{ gradient, met, parameter: buffer, moments, dim, isSparse: rows !== undefined }];
  });
}

/** Of an objective whose parameters have come to nothing. */
const noRange = { offset: 0, length: 0 };

/** An index in the order of the source, as one of the buffer that the parameter lies in. */
function placed(p: PlacedParameter, index: readonly Expression[]): readonly Expression[] {
  return p.buffer.dims.map((_, dim) => {
    if (dim === p.stackDim) return i32(p.index ?? 0);
    return index[p.dims.indexOf(dim)]!;
  });
}
