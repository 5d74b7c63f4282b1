/**
 * The kernel program of a model: its entries lowered together, and beside them what is not the model: the update of
 * the parameters and their start.
 */
import { lengthAxes } from "../ir/graph/build.ts";
import type { Axis } from "../ir/graph/types.ts";
import { access } from "../ir/kernel/build.ts";
import type { Buffer, Entry, Expression, KernelProgram } from "../ir/kernel/types.ts";
import { i32 } from "../ir/kernel/build.ts";
import { stableHash } from "../passes/hash.ts";
import { initialiserStatements } from "../passes/initialise.ts";
import { lower } from "../passes/lower.ts";
import type { PlacedParameter } from "../passes/lower-parameters.ts";
import { optimiserStatements } from "../passes/optimiser.ts";
import type { TrainSettings } from "../passes/train-settings.ts";
import { trainingBuffers } from "../passes/training-buffers.ts";
import type { Entries } from "./entries.ts";

export interface ProgramParts {
  readonly program: KernelProgram;
  readonly parameters: readonly PlacedParameter[];
  /** The axes that the dims of inputs, states and outputs run along, by buffer. */
  readonly axes: ReadonlyMap<string, readonly Axis[]>;
  readonly looksAhead: string | null;
  readonly generator: Entries["generator"];
}

export function assemble(name: string, entries: Entries, train: TrainSettings): ProgramParts {
  const { predict, evaluate, gradients, step, generator } = entries;
  const all = { predict, evaluate, gradients, step, begin: generator?.begin, next: generator?.next };
  const graphs = Object.entries(all).flatMap(([entry, graph]) => (graph ? [{ name: entry, graph }] : []));
  const counters = trainingBuffers(4, train).counters;
  const lowered = lower(name, graphs, { counters });
  const axes = new Map([
    ...[...lowered.inputs, ...lowered.outputs].map((x) => [x.buffer.name, x.axes] as const),
    ...lowered.lengths.map((x) => [x.buffer.name, lengthAxes(x.axis)] as const),
  ]);
  const parts = { parameters: lowered.parameters, axes, looksAhead: entries.looksAhead, generator };
  if (!lowered.flat) return { ...parts, program: lowered.program };

  const elements = lowered.flat.parameters.dims[0]!.plus;
  const made = trainingBuffers(elements, train);
  const flat = { ...made, ...lowered.flat, counters: lowered.counters ?? counters };
  const targets = lowered.parameters.map((p) => ({
    member: p.parameter,
    target: (index: readonly Expression[]) => access(p.buffer, placed(p, index)),
    place: stableHash(p.parameter.name),
  }));
  const learns = entries.gradients !== null;
  const start = initialiserStatements(targets, learns ? flat : { ...flat, moments: [] });
  const extra: Entry[] = [
    { name: "initialise", body: start.body },
    ...(learns ? [{ name: "update", body: optimiserStatements(train, flat) }] : []),
  ];
  // A model without a loss is not trained: its memory is its parameters and what a prediction needs.
  const training = [...flat.moments, flat.settings, flat.report, flat.factors];
  const buffers: readonly Buffer[] = [
    ...lowered.program.buffers.filter((b) => learns || b.role !== "gradient"),
    ...(lowered.counters ? [] : [counters]),
    ...(learns ? training : []),
    ...start.temporaries,
  ];
  return {
    ...parts,
    program: { ...lowered.program, buffers, entries: [...lowered.program.entries, ...extra] },
  };
}

/** An index in the order of the source, as one of the buffer that the parameter lies in. */
function placed(p: PlacedParameter, index: readonly Expression[]): readonly Expression[] {
  return p.buffer.dims.map((_, dim) => {
    if (dim === p.stackDim) return i32(p.index ?? 0);
    return index[p.dims.indexOf(dim)]!;
  });
}
