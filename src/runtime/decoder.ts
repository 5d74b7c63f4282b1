/**
 * A model left to its own choices, one call of the module a step for all rows. A row is an example, or one of several
 * beginnings of an answer to it (the beams); a search says from which row each next one goes on, and rows of the states
 * move there between the calls. What a row gives does not depend on the others, so an example in a batch gets what it gets
 * alone.
 */
import type { Batch, DataSpecs } from "./batch.ts";
import type { Example } from "./encode.ts";
import { fail } from "./errors.ts";
import { feed, feedFrame, sizesOf } from "./feed.ts";
import { batchDim, gather, scatter, strides } from "./layout.ts";
import { type Machine, newTenant, type States, stateLayout } from "./machine.ts";
import type { GenerationInfo } from "./metadata.ts";
import { elements, type Tensor } from "./safetensors.ts";

export interface Decoder {
  /** How many entries there are to choose from. */
  readonly classes: number;
  /** What the first choices are made from, `[examples, classes]`. Every call overwrites what the last one gave. */
  readonly first: () => Float32Array;
  /** What row k chooses from after it went on from row `parents[k]` with the entry `choices[k]`, `[rows, classes]`. */
  readonly next: (parents: readonly number[], choices: readonly number[]) => Float32Array;
  /** Gives its place in memory up. */
  readonly close: () => void;
}

/** An exact search over a large vocabulary would take all memory. */
const mostRows = 2 ** 14;

/**
 * `batch` holds the inputs; for a model of what comes next, which has no others, `prompt` goes before the first choice of
 * its only example.
 */
export function openDecoder(
  machine: Machine,
  of: DataSpecs,
  batch: Batch,
  prompt: readonly number[] = [],
): Decoder {
  const info = machine.metadata.generation ?? fail("the model makes no choices of its own");
  const probabilities = machine.buffer(info.probabilities)!;
  const classes = probabilities.dims.at(-1)!.plus;
  const tenant = newTenant([...info.states, ...info.kept]);
  /** The batch as the rows see it: one example a row. */
  let rows = batch;
  let exampleOf: readonly number[] = Array.from({ length: batch.count }, (_, k) => k);
  // What is kept lies as the longest example of the batch needs it, also when that one has its answer.
  const longest = sizesOf(of, batch);
  const claim = (): void => {
    if (machine.claim(tenant, { ...longest, B: rows.count })) feedFrame(machine, of, rows);
  };

  const run = (choices: readonly number[], fresh: boolean): Float32Array => {
    claim();
    write(machine, info.choice, choices);
    write(machine, info.fresh, new Array<number>(choices.length).fill(fresh ? 1 : 0));
    machine.run(info.step);
    tenant.examples = rows.count;
    const steps = strides(probabilities, machine.sizes());
    const found = new Float32Array(choices.length * classes);
    const batchFirst = [steps[batchDim(probabilities)]!, steps.at(-1)!];
    gather(machine.floats(), machine.at(probabilities), batchFirst, [choices.length, classes], found);
    return found;
  };

  const first = (): Float32Array => {
    const begins = info.start === null ? prompt : [info.start];
    if (info.step === "next") {
      feed(machine, of, batch, tenant);
      if (machine.metadata.entries.begin !== null) machine.run("begin");
    }
    return begins.reduce<Float32Array>(
      (_, id, k) => run(new Array<number>(batch.count).fill(id), k === 0),
      new Float32Array(),
    );
  };

  const next = (parents: readonly number[], choices: readonly number[]): Float32Array => {
    if (parents.length > mostRows)
      fail(
        `the search has ${parents.length} beginnings to go on from at once: ask for a beam, or a smaller \`max\``,
      );
    const enough = parents.length <= rows.count && 2 * parents.length > rows.count;
    if (enough) move(parents);
    else layAnew(parents);
    return run(choices.map(read), false);
  };

  /** A word that was copied and has no entry is read as any such word. */
  const { info: data, vocabulary } = of.specs.get(info.data)!;
  const known = data.vocabulary?.size ?? Infinity;
  const read = (id: number): number => (id < known ? id : Math.max(0, vocabulary?.unknown ?? 0));

  /** Rows change their places where they are; those that no one goes on from any more run idle. */
  const move = (parents: readonly number[]): void => {
    claim();
    const sources = exampleOf.map((_, row) => parents[row] ?? row);
    const examples = sources.map((row) => exampleOf[row]!);
    moveRows(machine, info.states, sources);
    if (examples.every((example, row) => example === exampleOf[row])) return;
    moveRows(machine, info.kept, sources);
    assign(examples);
    feedFrame(machine, of, rows);
  };

  /** Other sizes move everything in memory: the states are taken out and put back row by row. */
  const layAnew = (parents: readonly number[]): void => {
    const states = machine.states(tenant) ?? {};
    machine.assign(tenant, pickRows(states, parents));
    tenant.examples = parents.length;
    assign(parents.map((row) => exampleOf[row]!));
  };

  const assign = (examples: readonly number[]): void => {
    exampleOf = examples;
    rows = repeated(batch, examples);
  };

  return { classes, first, next, close: () => machine.assign(tenant, null) };
}

function write(machine: Machine, name: string, values: readonly number[]): void {
  const buffer = machine.buffer(name);
  if (buffer) machine.integers().set(values, machine.at(buffer));
}

/** Row k of each buffer takes what row `sources[k]` held. */
function moveRows(machine: Machine, names: GenerationInfo["states"], sources: readonly number[]): void {
  if (sources.every((source, row) => source === row)) return;
  for (const name of names) {
    const buffer = machine.buffer(name)!;
    const { shape, steps } = stateLayout(buffer, machine.sizes());
    const view = machine.view(buffer);
    const at = machine.at(buffer);
    const before =
      buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
    gather(view, at, steps, shape, before);
    const size = elements(shape.slice(1));
    sources.forEach((source, row) => {
      if (source !== row)
        scatter(view, at + row * steps[0]!, steps.slice(1), shape.slice(1), before, source * size);
    });
  }
}

function pickRows(states: States, parents: readonly number[]): States {
  const picked = ({ data, shape }: Tensor): Tensor => {
    const size = elements(shape.slice(1));
    const length = parents.length * size;
    const all = data instanceof Float32Array ? new Float32Array(length) : new Int32Array(length);
    parents.forEach((row, k) => all.set(data.subarray(row * size, (row + 1) * size), k * size));
    return { data: all, shape: [parents.length, ...shape.slice(1)] };
  };
  return Object.fromEntries(Object.entries(states).map(([name, tensor]) => [name, picked(tensor)]));
}

/** A batch whose examples are those of the rows. */
function repeated(batch: Batch, examples: readonly number[]): Batch {
  const column = (all: readonly Example[]): readonly Example[] => examples.map((k) => all[k]!);
  return {
    ...batch,
    count: examples.length,
    columns: new Map([...batch.columns].map(([name, all]) => [name, column(all)])),
    lengths: new Map(
      [...batch.lengths].map(([axis, all]) => [axis, Int32Array.from(examples, (k) => all[k]!)]),
    ),
    ids: Int32Array.from(examples, (k) => batch.ids[k]!),
  };
}
