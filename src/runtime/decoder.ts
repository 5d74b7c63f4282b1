/**
 * A model left to its own choices, one call of the module a step for all rows. A row is one of several beginnings (the beams)
 * of an item: of an example's answer, or of one sentence of its document. A search says from which row each next one goes
 * on, and rows of the states move there between the calls. What a row gives does not depend on the others, so an example
 * in a batch gets what it gets alone.
 */
import type { Batch, DataSpecs } from "./batch.ts";
import { fail } from "./errors.ts";
import { feed, feedFrame, sizesOf } from "./feed.ts";
import { itemsOf } from "./items.ts";
import { batchDim, gather, scatter, strides } from "./layout.ts";
import { type Machine, newTenant, stateLayout, type States } from "./machine.ts";
import { type Move, moveRows, placeRows, repeatExamples, type Row } from "./rows.ts";
import { elements, type Tensor } from "./safetensors.ts";

export interface Decoder {
  /** How many entries there are to choose from. */
  readonly classes: number;
  /** What the first choices are made from, `[items, classes]`. Every call overwrites what the last one gave. */
  readonly first: () => Float32Array;
  /** What row k chooses from after it went on from row `parents[k]` with the entry `choices[k]`, `[rows, classes]`. */
  readonly next: (parents: readonly number[], choices: readonly number[]) => Float32Array;
  /** Gives its place in memory up. */
  readonly close: () => void;
}

/** An exact search over a large vocabulary would take all memory. */
const mostRows = 2 ** 14;

export interface DecoderOptions {
  /** For a model of what comes next, which has no inputs: goes before the first choice of its only example. */
  readonly prompt?: readonly number[];
  /** Those of `stateful` layers, which it goes on from; null: it starts anew. */
  readonly states?: States | null;
}

/** `batch` holds the inputs. */
export function openDecoder(
  machine: Machine,
  of: DataSpecs,
  batch: Batch,
  { prompt = [], states = null }: DecoderOptions = {},
): Decoder {
  const info = machine.metadata.generation ?? fail("the model makes no choices of its own");
  const probabilities = machine.buffer(info.probabilities)!;
  const classes = probabilities.dims.at(-1)!.plus;
  const tenant = newTenant([...info.states, ...info.kept]);
  const items = itemsOf(of, batch, info);
  /** The batch as the slots see it, and which example of it each slot holds. */
  let slots = batch;
  let exampleOf: readonly number[] = Array.from({ length: batch.count }, (_, k) => k);
  let rows: readonly Row[] = items.map(({ example }, item) => ({ item, slot: example }));
  // What is kept lies as the longest example of the batch needs it, also when that one has its answer.
  const longest = sizesOf(of, batch);
  const claim = (): void => {
    if (machine.claim(tenant, { ...longest, B: slots.count })) feedFrame(machine, of, slots);
  };

  /** The place in memory of each row's part of a buffer. */
  const placesIn = (name: string): readonly number[] => {
    const buffer = machine.buffer(name)!;
    const steps = strides(buffer, machine.sizes());
    const outer = buffer.dims.findIndex(({ axis }) => axis === info.within);
    const at = machine.at(buffer);
    const slotStep = steps[batchDim(buffer)]!;
    const placeStep = outer < 0 ? 0 : steps[outer]!;
    return rows.map(({ item, slot }) => at + slot * slotStep + items[item]!.place * placeStep);
  };

  const run = (choices: readonly number[], fresh: boolean): Float32Array => {
    claim();
    const integers = machine.integers();
    placesIn(info.choice).forEach((place, row) => (integers[place] = choices[row]!));
    const flag = machine.buffer(info.fresh);
    if (flag) integers.fill(fresh ? 1 : 0, machine.at(flag), machine.at(flag) + slots.count);
    machine.run(info.step);
    tenant.examples = slots.count;
    const found = new Float32Array(rows.length * classes);
    const floats = machine.floats();
    placesIn(info.probabilities).forEach((place, row) =>
      found.set(floats.subarray(place, place + classes), row * classes),
    );
    return found;
  };

  /** Puts other states in their places, where they stay as long as memory is laid out as it is. */
  const lend = (others: States): void => {
    const lender = newTenant();
    machine.assign(lender, others);
    machine.claim(lender, { ...longest, B: batch.count });
  };

  const first = (): Float32Array => {
    const begins = info.start === null ? prompt : [info.start];
    if (info.step === "next") {
      if (states) lend(states);
      feed(machine, of, batch, tenant);
      machine.setFresh(states === null);
      if (machine.metadata.entries.begin !== null) machine.run("begin");
    }
    return begins.reduce<Float32Array>(
      (_, id, k) => run(new Array<number>(rows.length).fill(id), k === 0),
      new Float32Array(),
    );
  };

  /** A word that was copied and has no entry is read as any such word. */
  const { info: data, vocabulary } = of.specs.get(info.data)!;
  const known = data.vocabulary?.size ?? Infinity;
  const read = (id: number): number => (id < known ? id : Math.max(0, vocabulary?.unknown ?? 0));

  const next = (parents: readonly number[], choices: readonly number[]): Float32Array => {
    if (parents.length > mostRows)
      fail(
        `the search has ${parents.length} beginnings to go on from at once: ask for a beam, or a smaller \`max\``,
      );
    const placed = placeRows(
      parents.map((row) => rows[row]!.item),
      items,
    );
    const moves = placed.rows.map(({ item, slot }, k): Move => {
      const from = rows[parents[k]!]!.slot;
      return { from, to: slot, place: items[item]!.place };
    });
    const { length } = placed.examples;
    if (length <= slots.count && 2 * length > slots.count) moveWithin(moves, placed.examples);
    else layAnew(moves, placed.examples);
    rows = placed.rows;
    return run(choices.map(read), false);
  };

  /** Rows change their slots where they are; slots that no one needs any more run idle. */
  const moveWithin = (moves: readonly Move[], needed: readonly number[]): void => {
    claim();
    const examples = exampleOf.map((example, slot) => needed[slot] ?? example);
    const sources = examples.map((example, slot) =>
      exampleOf[slot] === example ? slot : exampleOf.indexOf(example),
    );
    const stays = examples.every((example, slot) => example === exampleOf[slot]);
    if (stays && moves.every(({ from, to }) => from === to)) return;
    for (const name of info.states) rewrite(machine, name, (x) => moved(name, x, sources, moves));
    if (stays) return;
    for (const name of info.kept) rewrite(machine, name, (x) => moved(name, x, sources, []));
    assign(examples);
    feedFrame(machine, of, slots);
  };

  /** Other sizes move everything in memory: the states are taken out and put back slot by slot. */
  const layAnew = (moves: readonly Move[], needed: readonly number[]): void => {
    const sources = needed.map((example) => exampleOf.indexOf(example));
    const states = Object.entries(machine.states(tenant) ?? {}).map(([name, x]): [string, Tensor] => [
      name,
      moved(name, x, sources, info.states.includes(name) ? moves : []),
    ]);
    machine.assign(tenant, Object.fromEntries(states));
    tenant.examples = needed.length;
    assign(needed);
  };

  const moved = (name: string, state: Tensor, sources: readonly number[], moves: readonly Move[]): Tensor => {
    const hasPlaces = info.within !== null && machine.buffer(name)!.dims.some((d) => d.axis === info.within);
    return moveRows(state, sources, moves, hasPlaces);
  };

  const assign = (examples: readonly number[]): void => {
    exampleOf = examples;
    slots = repeatExamples(batch, examples);
  };

  return { classes, first, next, close: () => machine.assign(tenant, null) };
}

/** A state as `change` makes it of what is there. */
function rewrite(machine: Machine, name: string, change: (state: Tensor) => Tensor): void {
  const buffer = machine.buffer(name)!;
  const { shape, steps } = stateLayout(buffer, machine.sizes());
  const data = buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
  gather(machine.view(buffer), machine.at(buffer), steps, shape, data);
  scatter(machine.view(buffer), machine.at(buffer), steps, shape, change({ data, shape }).data);
}
