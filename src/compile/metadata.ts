/** What the package's runtime must know, from the model and from where the lowering put everything. */
import { panels, place, strides } from "../ir/kernel/addresses.ts";
import type { NetReference } from "../elaborate/environment.ts";
import { objectiveEntry, partOfLoss } from "../elaborate/objective.ts";
import type { Model } from "../elaborate/program.ts";
import { fixedSize } from "../ir/graph/build.ts";
import type { Axis } from "../ir/graph/types.ts";
import type { Buffer, KernelProgram, MemoryPlan } from "../ir/kernel/types.ts";
import { stableHash } from "../passes/hash.ts";
import type { PlacedParameter } from "../passes/lower-parameters.ts";
import type {
  BufferInfo,
  DataInfo,
  Metadata,
  ObjectiveInfo,
  OutputInfo,
  ParameterInfo,
} from "../runtime/metadata.ts";
import type { ProgramParts } from "./assemble.ts";
import { generationOf } from "./generation.ts";
import { segmentedInfo } from "./peak-memory.ts";

export interface MetadataInput {
  readonly model: Model;
  readonly parts: ProgramParts;
  readonly program: KernelProgram;
  readonly version: string;
  readonly memory: Metadata["memory"];
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
}

export function makeMetadata({
  model,
  parts,
  program,
  version,
  memory,
  vocabularies,
}: MetadataInput): Metadata {
  const plan = program.plan!;
  const buffers = Object.fromEntries(
    program.buffers
      .filter((b) => b.role !== "temporary" && b.within === null && b.layout.kind === "rows")
      .map((b) => [b.name, bufferInfo(b, parts.axes.get(b.name) ?? [], plan)]),
  );
  const parameters = model.parameters.flatMap((p): ParameterInfo[] => {
    const placed = parts.parameters.find((x) => x.parameter.name === p.name);
    return placed ? [parameterInfo(placed)] : [];
  });
  const entry = (name: string): string | null =>
    parts.program.entries.some((e) => e.name === name) ? name : null;
  const alternating = model.trained.some((net) => net !== null) ? model.trained.map(objectiveInfo) : [];
  const outputs = model.results.map((result) => outputInfo(result, model, buffers));
  const { generator, looksAhead } = parts;
  const streams = entry("step") !== null && looksAhead === null;
  return {
    format: 1,
    name: model.graph.name,
    version,
    fingerprint: fingerprint(parameters),
    symbols: program.symbols,
    data: model.data,
    outputs,
    parameters,
    buffers,
    entries: {
      predict: entry("predict"),
      evaluate: entry("evaluate"),
      gradients: entry("gradients"),
      update: entry("update"),
      step: entry("step"),
      begin: entry("begin"),
      next: entry("next"),
      initialise: entry("initialise"),
      ...Object.fromEntries(
        alternating.flatMap(({ gradients, update }) => [gradients, update].map((e) => [e, e])),
      ),
    },
    ...(alternating.length > 0 ? { alternating } : {}),
    states: Object.keys(buffers).filter((name) => name.startsWith("state:")),
    train: model.train,
    decode: model.decode,
    chunked: model.chunked,
    looksAhead,
    generation: generationOf({ data: model.data, outputs, buffers, generator, streams }),
    cannotGenerate: generator?.refusal
      ? { data: generator.data, why: generator.refusal }
      : model.cannotFeedBack,
    unbounded: unboundedOf(model, generator?.axis ?? null),
    vocabularies: usedVocabularies(model.data, vocabularies),
    ...(program.segmented ? { segmented: segmentedInfo(program, model.train.batch) } : {}),
    memory,
  };
}

/** Where numbers are fed back along an axis of their own, whose length no choices tell either. */
function unboundedOf({ data, results, fedBack }: Model, chosenAlong: string | null): Metadata["unbounded"] {
  const inputs = data.filter(({ role }) => role === "input").flatMap(({ axes }) => axes);
  const fed = new Set(fedBack.map((one) => one.data));
  const made = data.filter(
    ({ name, vocabulary }) =>
      fed.has(name) && vocabulary === null && results.some(({ target }) => target === name),
  );
  return made.flatMap(({ name, axes }) => {
    const axis = axes.findLast(({ size }) => size === null);
    const isTold = axis?.name === chosenAlong || inputs.some((other) => other.name === axis?.name);
    return !axis || isTold ? [] : [{ data: name, axis: axis.name }];
  });
}

const objectiveInfo = (net: NetReference | null): ObjectiveInfo => ({
  net: net?.name ?? null,
  gradients: objectiveEntry("gradients", net),
  update: objectiveEntry("update", net),
  loss: `${objectiveEntry("train", net)}:loss`,
  impossible: `${objectiveEntry("train", net)}:impossible`,
  part: partOfLoss(net),
});

function outputInfo(
  result: Model["results"][number],
  { data }: Model,
  buffers: Metadata["buffers"],
): OutputInfo {
  const named = (prefix: string): string | null =>
    buffers[`${prefix}:${result.name}`] ? `${prefix}:${result.name}` : null;
  const axes = result.value.axes.map((a) => ({
    name: a.name,
    size: a.axis.size.kind === "fixed" ? fixedSize(a.axis) : null,
  }));
  const feature = result.value.node.type.axes.find((a) => a.kind === "feature");
  const target = data.find((d) => d.name === result.target || (d.derived && d.derived.of === result.target));
  return {
    name: result.name,
    meaning: result.meaning,
    target: result.target,
    copies: result.copies ?? null,
    axes,
    feature: feature ? fixedSize(feature) : null,
    vocabulary: target?.vocabulary ?? null,
    spelling: spellingInfo(result, buffers),
    predict: named("predict"),
    step: named("step"),
  };
}

/** Null where the model does not leave what paths are made of. */
function spellingInfo(
  { name, spelling }: Model["results"][number],
  buffers: Metadata["buffers"],
): OutputInfo["spelling"] {
  const emissions = `predict:${name}.emissions`;
  if (!spelling || !buffers[emissions]) return null;
  return { emissions, classes: fixedSize(spelling.entries), blank: spelling.blank };
}

function bufferInfo(buffer: Buffer, axes: readonly Axis[], plan: MemoryPlan): BufferInfo {
  return {
    ...place(plan, buffer),
    dtype: buffer.dtype,
    dims: buffer.dims.map((d, k) => ({ ...d, axis: axes[k]?.name.split(":")[0] ?? "" })),
    strides: strides(buffer),
  };
}

function parameterInfo({ parameter, buffer, index, stackDim, dims }: PlacedParameter): ParameterInfo {
  const shape = parameter.axes.map(fixedSize);
  const offset = buffer.within!.offset;
  if (buffer.layout.kind === "rows") {
    const all = strides(buffer).map((s) => s.factor);
    const start = stackDim === null ? 0 : index! * all[stackDim]!;
    return {
      name: parameter.name,
      shape,
      offset: offset + start,
      layout: { kind: "rows", strides: dims.map((d) => all[d]!) },
    };
  }
  const { rows, columns, K } = panels(buffer);
  const split = rows.length;
  const columnStart = stackDim === null ? 0 : index! * columns[stackDim - split]!;
  return {
    name: parameter.name,
    shape,
    offset,
    layout: {
      kind: "panels",
      rows: K,
      columnStart,
      rowStrides: dims.map((d) => (d < split ? rows[d]! : 0)),
      columnStrides: dims.map((d) => (d < split ? 0 : columns[d - split]!)),
    },
  };
}

/** Names and shapes: what a checkpoint must agree with. */
function fingerprint(parameters: readonly ParameterInfo[]): string {
  const text = parameters.map((p) => `${p.name}:${p.shape.join("x")}`).join(";");
  return (stableHash(text) >>> 0).toString(16).padStart(8, "0");
}

function usedVocabularies(
  data: readonly DataInfo[],
  given: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, readonly string[]>> {
  const used = new Set(data.flatMap((d) => (d.vocabulary && !d.vocabulary.fixed ? [d.vocabulary.of] : [])));
  return Object.fromEntries([...used].filter((name) => given[name]).map((name) => [name, given[name]!]));
}
