/**
 * What a model is given: inputs and targets with their axes and vocabularies, what `next` and `prev` derive from
 * them, and the target that an output layer implies where none is declared.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { AxisEntry, DataStatement, DefinitionStatement, Span } from "../parser/ast.ts";
import { fail, type Environment } from "./environment.ts";
import { namedArgument } from "./arguments.ts";
import { placeOf } from "./draws.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { failSequence } from "./running-axis.ts";
import { featureAxis, featureOf, isTime, namedAxis, over, tensor, timeAxis, freeAxis } from "./tensors.ts";
import type { CallSite, Tensor, Value } from "./values.ts";

export type Base = DataStatement["type"]["base"];

/** One input of the model, as the package's metadata tells it. */
export interface DataInfo {
  readonly name: string;
  readonly role: "input" | "target";
  readonly base: Base;
  /** Ragged axes by name and fixed ones with their sizes, of word hashes that of a word's trigrams last. */
  readonly axes: readonly { readonly name: string; readonly size: number | null }[];
  readonly feature: number | null;
  /** The data whose vocabulary it uses, and how many entries that has. */
  readonly vocabulary: { readonly of: string; readonly size: number; readonly fixed: boolean } | null;
  /** `next(text)`: the same data one step later, made by the runtime. */
  readonly derived:
    | { readonly kind: "next"; readonly of: string }
    | { readonly kind: "copy"; readonly of: string; readonly from: string; readonly places: number }
    | { readonly kind: "risk"; readonly of: string; readonly samples: number }
    | null;
}

/** A size that only the data can tell: `d` of `f32[T, d]`, the vocabulary of `text`. */
export const dimensionKey = (name: string): string => `dim:${name}`;

export function declareData(statement: DataStatement, environment: Environment): Tensor {
  const { session } = environment;
  const { type } = statement;
  const { name } = statement.name;
  const axes: Axis[] = [];
  checkDistinct(type.axes, name, environment);
  let feature: Axis | null = null;
  type.axes.forEach((entry, k) => {
    const last = k === type.axes.length - 1;
    const label = entry.name?.name ?? null;
    if (label !== null && entry.size)
      axes.push(namedAxis(session, label, evaluateSize(entry.size, environment)));
    else if (label !== null && /^\p{Lu}/u.test(label))
      axes.push(timeAxis(session, label, axes.findLast(build.isRagged) ?? null));
    else if (!last) fail(environment, "unnamed-axis", entry.span, { name });
    else if (label !== null) feature = featureAxis(session, sizeNamed(label, entry.span, environment));
    else feature = featureAxis(session, evaluateSize(entry.size!, environment));
  });
  if (feature && type.base !== "f32")
    fail(environment, "feature-of-tokens", type.span, { name, base: type.base });
  // Without the axis that it lies within in another type, it has one length here.
  for (const axis of axes)
    for (const outer of build.without(build.lengthAxes(axis), [build.batch, ...axes]))
      freeAxis(build.iota(axis), outer, session);
  const vocabulary = vocabularyOf(statement, environment);
  // A word has as many trigrams as letters: an axis that nobody writes.
  const bag =
    type.base === "trigrams"
      ? timeAxis(session, `${name}.trigrams`, axes.findLast(build.isRagged) ?? null)
      : null;
  const node = build.input(name, type.base === "f32" ? "f32" : "i32", [
    build.batch,
    ...axes,
    ...(bag ? [bag] : []),
    ...(feature ? [feature] : []),
  ]);
  const origin = { file: environment.file, span: statement.span };
  const made = tensor(node);
  const value: Tensor = {
    ...made,
    axes: axes.map((axis) => made.axes.find((a) => a.axis === axis)!),
    vocabulary,
    origin,
    ...(statement.kind === "target" ? { target: name } : {}),
    ...(bag ? { bag } : {}),
  };
  const fixed = type.vocabulary?.kind === "number";
  record(
    environment,
    statement.kind,
    name,
    type.base,
    value,
    vocabulary ? { of: vocabulary.name, size: vocabulary.size, fixed } : null,
    null,
  );
  return value;
}

/** An axis is known by its name, so a value can't have it twice. */
function checkDistinct(entries: readonly AxisEntry[], name: string, environment: Environment): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    if (!entry.name) continue;
    const axis = entry.name.name;
    if (seen.has(axis)) fail(environment, "axis-twice", entry.span, { name, axis });
    seen.add(axis);
  }
}

function sizeNamed(name: string, span: Span, environment: Environment): number {
  return environment.session.sizes.fresh(dimensionKey(name), { file: environment.file, span }, `\`${name}\``);
}

function vocabularyOf(statement: DataStatement, environment: Environment): Tensor["vocabulary"] {
  const { type } = statement;
  const { name } = statement.name;
  if (type.base === "f32") return null;
  if (type.vocabulary?.kind === "name") {
    const other = environment.lookup(type.vocabulary.name);
    if (other?.kind !== "tensor" || !other.vocabulary)
      fail(environment, "no-vocabulary", type.vocabulary.span, { name: type.vocabulary.name });
    return other.vocabulary;
  }
  const size = type.vocabulary
    ? evaluateSize(type.vocabulary, environment)
    : sizeNamed(name, statement.span, environment);
  return { name, size };
}

function record(
  environment: Environment,
  role: DataInfo["role"],
  name: string,
  base: Base,
  value: Tensor,
  vocabulary: DataInfo["vocabulary"],
  derived: DataInfo["derived"],
): void {
  const feature = featureOf(value.node);
  const bag = value.bag ? [{ name: value.bag.name, axis: value.bag }] : [];
  const axes = [...value.axes, ...bag].map((a) => ({
    name: a.name,
    size: isTime(a.axis) ? null : build.fixedSize(a.axis),
  }));
  environment.session.data.set(name, {
    name,
    role,
    base,
    axes,
    feature: feature ? build.fixedSize(feature) : null,
    vocabulary,
    derived,
  });
}

// ---- derived ------------------------------------------------------------------------------------------------------

/** `next(text)`: the same characters one step later, as a target. */
export function next(site: CallSite, value: Value, name: string | null): Tensor {
  const { environment } = site;
  if (value.kind !== "tensor" || name === null || !environment.session.data.has(name))
    return fail(environment, "data-wanted", site.span, { name: "next" });
  const axis = value.axes.map((a) => a.axis).find(isTime);
  if (!axis) return failSequence("next", value, environment, site.span);
  const info = environment.session.data.get(name)!;
  const derived = `${name}.next`;
  const node = build.input(derived, value.node.type.dtype === "i32" ? "i32" : "f32", value.node.type.axes);
  const result: Tensor = { ...value, node, ends: null, target: name };
  record(environment, "target", derived, info.base, result, info.vocabulary, { kind: "next", of: name });
  return result;
}

/**
 * Data with the words that its vocabulary lacks told apart: each is the vocabulary's size plus its first place in `from`
 * (Gu et al. 2016). For `softmax(reply, copy = source)`.
 */
export function copyable(
  value: Tensor,
  from: string,
  places: number,
  environment: Environment,
  span: Span,
): Tensor {
  const { session } = environment;
  const name = nameOfData(value);
  const info = name === null ? undefined : session.data.get(name);
  if (name === null || info?.base !== "token" || !info.vocabulary)
    return fail(environment, "data-wanted", span, { name: "copy" });
  const derived = `${name}.copy`;
  const result: Tensor = { ...value, node: build.input(derived, "i32", value.node.type.axes), ends: null };
  const how = { kind: "copy", of: name, from, places } as const;
  record(environment, info.role, derived, info.base, result, info.vocabulary, how);
  return result;
}

/** The weight of each candidate in minimum risk training, made by the trainer. */
export function riskOf(target: string, samples: number, environment: Environment): Tensor {
  const name = `${target}.risk`;
  const value = tensor(build.input(name, "f32", [build.batch]));
  record(environment, "target", name, "f32", value, null, { kind: "risk", of: target, samples });
  return value;
}

/** Which data a value is, if it is data as given. */
export const nameOfData = ({ node, target }: Tensor): string | null =>
  target ?? (node.op === "input" ? node.attributes.name : null);

/**
 * `prev(reply)`: what came before each step; at the first step the beginning, an entry after the vocabulary's last, or of
 * numbers zero. With `sampled = p` each is, in training, with probability p what the model would have given there: scheduled sampling
 * (Bengio et al. 2015), of the choices that it makes after the true entries (Duckworth et al. 2019).
 */
export function prev(site: CallSite, value: Value): Tensor {
  const { environment } = site;
  if (value.kind !== "tensor") return fail(environment, "data-wanted", site.span, { name: "prev" });
  const axis = [...value.axes]
    .reverse()
    .map((a) => a.axis)
    .find(isTime);
  if (!axis) return failSequence("prev", value, environment, site.span);
  const { vocabulary } = value;
  const filler = vocabulary ? environment.session.sizes.resolve(vocabulary.size) : 0;
  const node = build.shift(mixed(site, value), axis, 1, filler);
  const name = nameOfData(value);
  if (name !== null) environment.session.fedBack.set(node, name);
  return {
    ...over(value, node),
    axes: value.axes,
    vocabulary: vocabulary ? { ...vocabulary, size: filler + 1 } : null,
  };
}

/** The true entries, some of them replaced by the model's own choices. */
function mixed(site: CallSite, value: Tensor): Node {
  const { environment, span } = site;
  const { node, vocabulary } = value;
  const asked = namedArgument(site, "sampled");
  if (!asked) return node;
  const { mode, sampled, sizes } = environment.session;
  const share = evaluate(asked, environment);
  if (share.kind !== "number") return fail(environment, "number-wanted", asked.span);
  if (!(share.value >= 0 && share.value <= 1) && !sizes.isOpen())
    fail(environment, "setting-range", asked.span, {
      key: "sampled",
      wanted: "a probability, between 0 and 1",
      found: share.value,
    });
  const name = nameOfData(value);
  if (name === null) return fail(environment, "data-wanted", span, { name: "prev" });
  if (!mode.training || share.value === 0) return node;
  sampled.wanted.add(name);
  const chosen = sampled.given.get(name);
  if (!chosen || !build.sameAxes(chosen.type.axes, node.type.axes)) return node;
  // Of a vector all numbers, or none.
  const places = node.type.axes.filter((axis) => vocabulary || axis.kind !== "feature");
  const draw = build.random("uniform", placeOf("sampled", environment.path.name, span), places);
  return build.select(build.binary("lt", draw, build.constant(share.value)), chosen, node);
}

// ---- implied ------------------------------------------------------------------------------------------------------

/** The one declared target that no loss uses yet, else `y` as the output layer wants it. */
export function declareTarget(
  loss: DefinitionStatement,
  value: Tensor,
  environment: Environment,
  span: Span,
): Tensor {
  const { session } = environment;
  const waiting = [...session.targets].filter(([name]) => !session.usedTargets.has(name));
  if (waiting.length === 1) return waiting[0]![1];
  if (waiting.length > 1)
    fail(environment, "which-target", span, {
      loss: loss.name.name,
      targets: waiting.map(([n]) => `\`${n}\``).join(", "),
    });
  const name = "y";
  const parameter = loss.options![0]!;
  const own = parameter.axes?.map((entry) => entry.name?.name ?? "") ?? null;
  const vector = loss.name.name === "sigmoid" || loss.name.name === "regress";
  const size = sizeNamed(name, span, environment);
  // A loss that names an axis that its emissions do not have (CTC's labels) has an axis of its own.
  const shared = loss.inputs[0]!.axes?.map((entry) => entry.name?.name) ?? null;
  const times =
    own === null || (shared && own.every((n) => shared.includes(n)))
      ? value.axes.map((a) => a.axis).filter(isTime)
      : [timeAxis(session, "L")];
  const feature = vector ? [featureAxis(session, size)] : [];
  const node = build.input(name, vector ? "f32" : "i32", [build.batch, ...times, ...feature]);
  const vocabulary = vector ? null : { name, size };
  const target: Tensor = { ...tensor(node), vocabulary, target: name };
  record(
    environment,
    "target",
    name,
    vector ? "f32" : "token",
    target,
    vocabulary ? { of: name, size, fixed: false } : null,
    null,
  );
  session.targets.set(name, target);
  return target;
}
