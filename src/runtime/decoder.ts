/**
 * A model left to its own choices, one call of the module a step for all rows. A row is one of several beginnings (the beams)
 * of an item: of an example's answer, or of one sentence of its document. A search says from which row each next one goes
 * on, and rows of the states move there between the calls. What a row gives does not depend on the others, so an example
 * in a batch gets what it gets alone.
 *
 * In memory the beginnings of an item are examples of the module's batch, in slots of their own; the items of a document share
 * the slots of their example, each at its place.
 */
import type { Batch, DataSpecs } from "./batch.ts";
import type { Example } from "./encode.ts";
import { fail } from "./errors.ts";
import { feed, feedFrame, sizesOf } from "./feed.ts";
import { itemsOf } from "./items.ts";
import { batchDim, gather, scatter, strides } from "./layout.ts";
import { type Machine, newTenant, type States, stateLayout } from "./machine.ts";
import type { GenerationInfo } from "./metadata.ts";
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

interface Row {
  readonly item: number;
  readonly slot: number;
}

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

  const first = (): Float32Array => {
    const begins = info.start === null ? prompt : [info.start];
    if (info.step === "next") {
      feed(machine, of, batch, tenant);
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
    const places = placeRows(
      parents.map((row) => rows[row]!.item),
      items.map(({ example }) => example),
    );
    const moves = parents.map((row, k) => ({ from: rows[row]!.slot, to: places.rows[k]! }));
    const enough = places.examples.length <= slots.count && 2 * places.examples.length > slots.count;
    if (enough) move(moves, places.examples);
    else layAnew(moves, places.examples);
    return run(choices.map(read), false);
  };

  /** Rows change their slots where they are; slots that no one needs any more run idle. */
  const move = (moves: readonly Move[], needed: readonly number[]): void => {
    claim();
    const examples = exampleOf.map((example, slot) => needed[slot] ?? example);
    const sources = examples.map((example, slot) =>
      exampleOf[slot] === example ? slot : exampleOf.indexOf(example),
    );
    for (const name of info.states)
      rewrite(machine, name, (tensor, hasPlaces) => moved(tensor, sources, moves, hasPlaces), info.within);
    if (examples.some((example, slot) => example !== exampleOf[slot])) {
      for (const name of info.kept)
        rewrite(machine, name, (tensor) => moved(tensor, sources, [], false), null);
      assign(examples);
      feedFrame(machine, of, slots);
    }
    settle(moves);
  };

  /** Other sizes move everything in memory: the states are taken out and put back slot by slot. */
  const layAnew = (moves: readonly Move[], needed: readonly number[]): void => {
    const states = machine.states(tenant) ?? {};
    const sources = needed.map((example) => exampleOf.indexOf(example));
    const picked = Object.entries(states).map(([name, tensor]): [string, Tensor] => {
      const own = info.states.includes(name) ? moves : [];
      return [name, moved(tensor, sources, own, hasAxis(machine, name, info.within))];
    });
    machine.assign(tenant, Object.fromEntries(picked) as States);
    tenant.examples = needed.length;
    assign(needed);
    settle(moves);
  };

  const assign = (examples: readonly number[]): void => {
    exampleOf = examples;
    slots = repeated(batch, examples);
  };

  const settle = (moves: readonly Move[]): void => {
    rows = moves.map(({ to }) => ({ item: to.item, slot: to.slot }));
  };

  return { classes, first, next, close: () => machine.assign(tenant, null) };

  function placeRows(
    itemOfRow: readonly number[],
    exampleOfItem: readonly number[],
  ): { readonly rows: readonly Target[]; readonly examples: readonly number[] } {
    const counts = new Map<number, number>();
    const nths = itemOfRow.map((item) => {
      const nth = counts.get(item) ?? 0;
      counts.set(item, nth + 1);
      return nth;
    });
    // An example has as many slots as that of its items with the most beginnings.
    const widths = new Map<number, number>();
    for (const [item, count] of counts) {
      const example = exampleOfItem[item]!;
      widths.set(example, Math.max(count, widths.get(example) ?? 0));
    }
    const starts = new Map<number, number>();
    const examples: number[] = [];
    for (const [example, width] of [...widths].sort(([a], [b]) => a - b)) {
      starts.set(example, examples.length);
      examples.push(...new Array<number>(width).fill(example));
    }
    const targets = itemOfRow.map((item, k): Target => {
      const slot = starts.get(exampleOfItem[item]!)! + nths[k]!;
      return { item, slot, place: items[item]!.place };
    });
    return { rows: targets, examples };
  }
}

interface Target {
  readonly item: number;
  readonly slot: number;
  readonly place: number;
}

interface Move {
  readonly from: number;
  readonly to: Target;
}

const hasAxis = (machine: Machine, name: string, axis: GenerationInfo["within"]): boolean =>
  axis !== null && machine.buffer(name)!.dims.some((dim) => dim.axis === axis);

/** The states of a buffer, as `change` makes them of those that are there. */
function rewrite(
  machine: Machine,
  name: string,
  change: (tensor: Tensor, hasPlaces: boolean) => Tensor,
  within: GenerationInfo["within"],
): void {
  const buffer = machine.buffer(name)!;
  const { shape, steps } = stateLayout(buffer, machine.sizes());
  const data = buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
  gather(machine.view(buffer), machine.at(buffer), steps, shape, data);
  const after = change({ data, shape }, hasAxis(machine, name, within));
  scatter(machine.view(buffer), machine.at(buffer), steps, shape, after.data);
}

/**
 * Slot k takes what slot `sources[k]` held, and of what a move leads to the part at its place; a state without places moves
 * as a whole. The slots come first, then the places.
 */
function moved(
  { data, shape }: Tensor,
  sources: readonly number[],
  moves: readonly Move[],
  hasPlaces: boolean,
): Tensor {
  const size = elements(shape.slice(1));
  const places = hasPlaces ? shape[1]! : 1;
  const part = size / places;
  const length = sources.length * size;
  const after = data instanceof Float32Array ? new Float32Array(length) : new Int32Array(length);
  sources.forEach((from, slot) => after.set(data.subarray(from * size, (from + 1) * size), slot * size));
  for (const { from, to } of moves) {
    const place = hasPlaces ? to.place : 0;
    const start = from * size + place * part;
    after.set(data.subarray(start, start + part), to.slot * size + place * part);
  }
  return { data: after, shape: [sources.length, ...shape.slice(1)] };
}

/** A batch whose examples are those of the slots. */
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
