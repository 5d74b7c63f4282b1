/**
 * A batch: encoded examples of each data, with their lengths agreeing along shared axes, and what the runtime derives
 * (`next`). Making one needs no module, so a batch made once can be trained on in every epoch.
 */
import { type ChoiceData, choiceData } from "./choice-data.ts";
import {
  encodeExample,
  type Example,
  examplesOf,
  isBatch,
  specOf,
  type Spec,
  typeName,
  type Value,
} from "./encode.ts";
import { count, fail, names, shown } from "./errors.ts";
import type { Metadata } from "./metadata.ts";
import { elements } from "./safetensors.ts";
import { vocabulary, type Vocabulary } from "./vocabulary.ts";

/** Values by the names of inputs and targets. */
export type Inputs = Readonly<Record<string, Value>>;

const isMade: unique symbol = Symbol("batch");

export interface Batch {
  readonly [isMade]: true;
  readonly count: number;
  /** Whether it was given as one example rather than a list. */
  readonly single: boolean;
  readonly columns: ReadonlyMap<string, readonly Example[]>;
  /** The length of each example along each ragged axis; the longest where rows differ. */
  readonly lengths: ReadonlyMap<string, Int32Array>;
  /** Whether carried states start anew. */
  readonly fresh: boolean;
  /** Identities of the examples, on which random numbers depend. */
  readonly ids: Int32Array;
}

export const madeBatch = (value: Inputs | Batch): value is Batch =>
  typeof value === "object" && value !== null && isMade in value;

export interface DataSpecs {
  readonly metadata: Metadata;
  readonly specs: ReadonlyMap<string, Spec>;
  /** By the name of the data that they were read from. */
  readonly vocabularies: ReadonlyMap<string, Vocabulary>;
  /** What a model that makes choices needs of its data; null for one that makes none. */
  readonly choices: ChoiceData | null;
}

export const dataSpecs = (metadata: Metadata): DataSpecs => specsOf(metadata, choiceData);

/** `choices`: null for a model that makes none, whose package does without. */
export function specsOf(metadata: Metadata, choices: ChoiceData | null): DataSpecs {
  const vocabularies = new Map(
    Object.entries(metadata.vocabularies).map(([name, entries]) => [name, vocabulary(entries)] as const),
  );
  const specs = new Map(
    metadata.data.map((info) => [
      info.name,
      specOf(info, vocabularies.get(info.vocabulary?.of ?? "") ?? null, choices?.isCopied(info, metadata)),
    ]),
  );
  return { metadata, specs, vocabularies, choices };
}

export interface BatchOptions {
  /** Whether targets must be given; else they may. */
  readonly targets: boolean;
  readonly fresh?: boolean;
  readonly ids?: ArrayLike<number>;
}

export function makeBatch(of: DataSpecs, inputs: Inputs, options: BatchOptions): Batch {
  const known = of.metadata.data;
  if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs))
    fail(`data are given by name, { ${known[0]?.name}: … }, and this is ${shown(inputs)}`);
  for (const name of Object.keys(inputs))
    if (!known.some((info) => info.name === name))
      fail(
        `there is no data \`${name}\`; the model has ${names(known.filter((i) => !i.derived).map((i) => i.name))}`,
      );
  const given = known.filter(({ name }) => inputs[name] !== undefined);
  for (const info of known)
    if (!given.includes(info) && !info.derived && (info.role === "input" || options.targets))
      fail(`\`${info.name}\` is missing: it is the ${info.role} ${typeName(info)}`);

  const columns = new Map<string, readonly Example[]>();
  let agreed: { readonly name: string; readonly batch: boolean } | null = null;
  for (const { name } of given) {
    const spec = of.specs.get(name)!;
    const value = inputs[name]!;
    const batch = isBatch(spec, value);
    agreed ??= { name, batch };
    if (agreed.batch !== batch)
      fail(
        `\`${agreed.name}\` is ${single(agreed.batch)}, but \`${name}\` is ${single(batch)}: give all alike`,
      );
    const examples = batch
      ? examplesOf(value).map((x, k) => encodeExample(spec, x, `${name}[${k}]`))
      : [encodeExample(spec, value, name)];
    columns.set(name, examples);
    const first = columns.get(agreed.name)!.length;
    if (examples.length !== first)
      fail(`\`${agreed.name}\` has ${count(first, "example")}, but \`${name}\` has ${examples.length}`);
  }
  of.choices?.complete(of, columns);
  if (options.targets) derive(of, columns);
  return assemble(of, columns, !agreed?.batch, options);
}

const single = (batch: boolean): string => (batch ? "a batch" : "one example");

export function assemble(
  of: DataSpecs,
  columns: ReadonlyMap<string, readonly Example[]>,
  single: boolean,
  options: Pick<BatchOptions, "fresh" | "ids">,
): Batch {
  const examples = columns.values().next().value?.length ?? 1;
  const { ids } = options;
  if (ids && ids.length !== examples)
    fail(`there are ${count(ids.length, "id")} for ${count(examples, "example")}`);
  return {
    [isMade]: true,
    count: examples,
    single,
    columns,
    lengths: lengthsOf(of, columns, examples),
    fresh: options.fresh ?? true,
    ids: Int32Array.from(ids ?? Array.from({ length: examples }, (_, k) => k)),
  };
}

/** Data that share a ragged axis have the same length along it, example by example. */
function lengthsOf(
  of: DataSpecs,
  columns: ReadonlyMap<string, readonly Example[]>,
  examples: number,
): Map<string, Int32Array> {
  const found = new Map<string, { readonly by: string; readonly lengths: Int32Array }>();
  for (const [name, column] of columns) {
    of.specs.get(name)!.info.axes.forEach(({ name: axis, size }, level) => {
      if (size !== null) return;
      const lengths = Int32Array.from(column, (example) => example.shape[level]!);
      const known = found.get(axis);
      if (!known) return void found.set(axis, { by: name, lengths });
      const k = lengths.findIndex((length, k) => length !== known.lengths[k]);
      if (k >= 0)
        fail(
          `\`${name}\` is ${lengths[k]} long along ${axis}, but \`${known.by}\` is ${known.lengths[k]}` +
            (examples > 1 ? ` (in example ${k})` : ""),
        );
    });
  }
  return new Map([...found].map(([axis, { lengths }]) => [axis, lengths]));
}

// ---- derived data -------------------------------------------------------------------------------------------------

/** Elements `from` to `to` of the first axis. */
export function part({ data, shape, inner }: Example, from: number, to: number): Example {
  if (inner.size > 0) fail("data whose rows differ in length cannot be cut into parts");
  const row = elements(shape.slice(1));
  return { data: data.slice(from * row, to * row), shape: [to - from, ...shape.slice(1)], inner };
}

/**
 * `next`: the same one step later. What follows the last step is `<eos>` if the vocabulary has it; else the last
 * step of everything along that axis is dropped, for nothing is to be learned from it.
 */
function derive(of: DataSpecs, columns: Map<string, readonly Example[]>): void {
  for (const { name, derived, axes } of of.metadata.data) {
    if (derived?.kind !== "next" || columns.has(name)) continue;
    const source = columns.get(derived.of)!;
    const spec = of.specs.get(name)!;
    if (axes[0]?.size !== null) fail(`\`${name}\` cannot be derived: its first axis is not a sequence`);
    const end = axes.length === 1 && spec.info.feature === null ? (spec.vocabulary?.end ?? -1) : -1;
    if (end >= 0) {
      columns.set(
        name,
        source.map((x) => withEnd(x, end)),
      );
      continue;
    }
    const later = source.map((x) => part(x, Math.min(1, x.shape[0]!), x.shape[0]!));
    const axis = axes[0]!.name;
    for (const [other, column] of columns)
      if (of.specs.get(other)!.info.axes[0]?.name === axis)
        columns.set(
          other,
          column.map((x, k) => part(x, 0, Math.min(x.shape[0]!, later[k]!.shape[0]!))),
        );
    columns.set(name, later);
  }
}

function withEnd({ data, shape, inner }: Example, end: number): Example {
  const length = shape[0]!;
  const next = new Int32Array(length);
  next.set(data.subarray(1));
  if (length > 0) next[length - 1] = end;
  return { data: next, shape, inner };
}
