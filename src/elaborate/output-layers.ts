/**
 * Output layers: a `loss` at the end of a pipeline. What flows in is mapped densely to the size that the loss asks
 * for; the loss becomes an objective, its `predict` a named result of inference.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { placeOf } from "./draws.ts";
import type { Argument, DefinitionStatement, Expression, Span } from "../parser/ast.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import { openChild, runBody } from "./body.ts";
import { builtinFunctions } from "./builtins.ts";
import { extend, fail, type Environment, type Path } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { copyable, declareTarget, nameOfData, riskOf } from "./data.ts";
import { spellingOf } from "./paths.ts";
import { stageName } from "./stages.ts";
import {
  align,
  asTensor,
  featureAxis,
  featureOf,
  featureSize,
  namedAxis,
  number,
  over,
  plainAxis,
  refresh,
  sizeNote,
  tensor,
  toF32,
  withFeature,
} from "./tensors.ts";
import type { DefinitionValue, Tensor, Value } from "./values.ts";

export interface OutputLayer {
  readonly loss: DefinitionValue;
  readonly target: Tensor | null;
  readonly options: readonly Argument[];
  readonly span: Span;
}

/** The key under which a loss is bound, beside a function of the same name. */
export const lossKey = (name: string): string => `loss ${name}`;

const layerOptions = ["project", "weight"];

/** Names that are functions too: an output layer only over a target, or bare at the end of the main pipeline. */
const alsoFunctions: ReadonlySet<string> = new Set(["softmax", "sigmoid"]);

export function outputLayer(expression: Expression, environment: Environment): OutputLayer | null {
  const name = stageName(expression);
  const loss = name === null ? null : environment.lookup(lossKey(name));
  if (name === null || loss?.kind !== "definition") return null;
  const args = expression.kind === "call" ? expression.arguments : [];
  const [first] = args.filter((a) => a.name === null);
  if (!first) {
    if (alsoFunctions.has(name) && environment.lastStage !== expression) return null;
    return { loss, target: null, options: args, span: expression.span };
  }
  const value = dataPredicted(evaluate(first.value, environment), first.value, environment);
  if (value.kind !== "tensor" || value.target === undefined) {
    if (alsoFunctions.has(name)) return null;
    return fail(environment, "target-wanted", first.value.span, { loss: name });
  }
  return { loss, target: value, options: args.filter((a) => a !== first), span: expression.span };
}

/** A target, or an input that is predicted again: an autoencoder's. */
function dataPredicted(value: Value, expression: Expression, { session }: Environment): Value {
  if (value.kind !== "tensor" || value.target !== undefined || expression.kind !== "name") return value;
  const isInput = session.data.has(expression.name) && value.node.op === "input";
  return isInput ? { ...value, target: expression.name } : value;
}

export function applyOutputLayer(layer: OutputLayer, value: Tensor, environment: Environment): Tensor {
  const { session } = environment;
  const target = layer.target ?? declareTarget(layer.loss.definition, value, environment, layer.span);
  session.usedTargets.add(target.target!);
  checkType(layer.loss, target, environment, layer.span);
  checkAxes(layer.loss.definition, value, target, environment, layer.span);

  const path = openChild(environment, layer.loss.definition.name);
  const copying = copyingOf(layer, target, value, environment);
  const risky = copying ? null : riskyOf(layer, target, environment);
  const loss = copying?.loss ?? risky?.loss ?? layer.loss;
  const { definition } = loss;
  const options =
    copying?.options ?? risky?.options ?? new Map([[definition.options![0]!.name.name, target as Value]]);
  let project: Expression | null = null;
  let weight: Expression | null = null;
  for (const argument of layer.options) {
    const name = argument.name?.name;
    if (name === "project") project = argument.value;
    else if (name === "weight") weight = argument.value;
    else if (copying && name === "copy") continue;
    else if (layer.loss.definition.name.name === "softmax" && riskOptions.includes(name ?? "")) continue;
    else if (name && definition.options!.some((p) => p.name.name === name))
      options.set(name, evaluate(argument.value, environment));
    else
      fail(environment, "unknown-option", argument.span, {
        stage: definition.name.name,
        name: name ?? stageName(argument.value) ?? "this",
        nearest: nearest(name ?? "", layerOptions) ?? "",
        known: orList(layerOptions),
      });
  }
  for (const parameter of definition.options!.slice(1))
    if (parameter.default && !options.has(parameter.name.name))
      options.set(parameter.name.name, evaluate(parameter.default, extend(environment, options)));

  const emissions = emissionsOf(
    value,
    target,
    definition,
    options,
    project,
    { ...environment, path },
    path,
    layer.span,
  );
  const body = runBody({
    definition: loss,
    options,
    inputs: [emissions],
    environment,
    path,
    recurrence: null,
    span: layer.span,
  });
  const perExample = build.without(body.value.node.type.axes, [build.batch]);
  const total = toF32(build.reduce("sum", body.value.node, perExample));
  const factor = weight ? asTensor(evaluate(weight, environment), environment, weight.span).node : null;
  const weighted = factor ? build.mul(...(align([total, factor]) as [typeof total, typeof total])) : total;
  session.objectives.push({ value: build.broadcast(weighted, [build.batch]), span: layer.span, net: null });

  const prediction = body.prediction?.() ?? emissions;
  if (session.sampled.wanted.has(target.target!))
    session.sampled.found.set(
      target.target!,
      target.vocabulary ? drawn(emissions, path, layer.span) : prediction.node,
    );

  const name = target.target!;
  const meaning =
    prediction.node.type.dtype === "i32" ? "labels" : target.vocabulary ? "probabilities" : "value";
  const before = session.results.get(name)?.origin;
  if (before)
    fail(environment, "two-outputs", layer.span, { name }, [
      { message: "The first is here:", file: before.file, span: before.span },
    ]);
  const origin = { file: environment.file, span: layer.span };
  const spelling = spellingOf(prediction.node, session);
  session.results.set(name, {
    ...{ name, value: prediction, meaning, target: name, spelling, origin },
    ...(copying ? { copies: copying.from } : {}),
  });
  return prediction;
}

/** `softmax(reply, copy = source, over = memory)`: another loss, which also sees the words of the source. */
function copyingOf(
  layer: OutputLayer,
  target: Tensor,
  value: Tensor,
  environment: Environment,
): { readonly loss: DefinitionValue; readonly options: Map<string, Value>; readonly from: string } | null {
  const given = (name: string) => layer.options.find((a) => a.name?.name === name)?.value;
  const copy = given("copy");
  const loss = environment.lookup(lossKey("copying"));
  if (!copy || layer.loss.definition.name.name !== "softmax" || loss?.kind !== "definition") return null;
  const source = asTensor(evaluate(copy, environment), environment, copy.span);
  const from = nameOfData(source);
  if (from === null || source.vocabulary?.name !== target.vocabulary?.name)
    return fail(environment, "copy-source", copy.span, { target: target.target! });
  if (!given("over")) return fail(environment, "copy-without-memory", layer.span, { source: from });
  const asked = given("places");
  const places = asked ? evaluateSize(asked, environment) : mostPlaces;
  const options = new Map<string, Value>([
    ["y", copyable(target, from, places, environment, layer.span)],
    ["x", copyable(source, from, places, environment, copy.span)],
    ["h", value],
    ["places", number(places)],
  ]);
  return { loss, options, from };
}

const riskOptions: readonly string[] = ["risk", "samples"];

/** `softmax(reply, risk = bleu, samples = n)`: in training, candidates by their weights; in evaluation as ever. */
function riskyOf(
  layer: OutputLayer,
  target: Tensor,
  environment: Environment,
): { readonly loss: DefinitionValue; readonly options: Map<string, Value> } | null {
  const given = (name: string) => layer.options.find((a) => a.name?.name === name)?.value;
  const risk = given("risk");
  const loss = environment.lookup(lossKey("risking"));
  if (!risk || layer.loss.definition.name.name !== "softmax" || loss?.kind !== "definition") return null;
  if (stageName(risk) !== "bleu")
    fail(environment, "unknown-choice", risk.span, {
      name: stageName(risk) ?? "this",
      option: "risk",
      choices: orList(["bleu"]),
      nearest: nearest(stageName(risk) ?? "", ["bleu"]) ?? "",
    });
  const asked = given("samples");
  const samples = asked ? evaluateSize(asked, environment) : usualSamples;
  if (!environment.session.mode.training) return null;
  const weight = riskOf(target.target!, samples, environment);
  return {
    loss,
    options: new Map<string, Value>([
      ["y", target],
      ["w", weight],
    ]),
  };
}

const usualSamples = 20;

/** How far into its source a word may stand that the vocabulary lacks. */
const mostPlaces = 100;

/** An entry for each step by its probability: the largest logit, each with Gumbel noise (Gumbel 1954). */
function drawn({ node }: Tensor, path: Path, span: Span): Node {
  const { axes } = node.type;
  const uniform = build.random("uniform", placeOf("choices", path.name, span), axes);
  const open = build.binary("max", uniform, build.constant(1e-12));
  const noise = build.neg(build.unary("log", build.neg(build.unary("log", open))));
  const feature = featureOf(node);
  return build.reduce("argmax", build.add(node, noise), feature ? [feature] : []);
}

/** What the loss reads: the value mapped to the size that it asks for. */
function emissionsOf(
  value: Tensor,
  target: Tensor,
  definition: DefinitionStatement,
  options: ReadonlyMap<string, Value>,
  project: Expression | null,
  environment: Environment,
  path: Path,
  span: Span,
): Tensor {
  if (project && stageName(project) === "none") return value;
  const { session } = environment;
  const { axes } = definition.inputs[0]!;
  const declared = axes?.at(-1)?.size ?? null;
  // A loss over entries of a vocabulary, which no map could take: a hidden Markov model's.
  if (axes && !declared && value.vocabulary) return value;
  const wanted = declared
    ? evaluateSize(declared, extend(environment, options))
    : target.vocabulary
      ? target.vocabulary.size
      : featureOf(target.node)
        ? featureSize(target, environment)
        : null;
  const call = { environment: { ...environment, path }, binders: [], span };
  const input = { name: null, value: { kind: "name" as const, name: "", span }, span };
  const bound = extend(call.environment, new Map<string, Value>([["", value]]));
  if (wanted === null)
    return {
      ...(builtinFunctions["scalar"]!({ ...call, environment: bound, arguments: [input] }) as Tensor),
      axes: value.axes,
    };
  if (project) return tied(value, project, wanted, environment, span);
  const size = {
    name: { name: "size", span },
    value: { kind: "number" as const, value: wanted, text: String(wanted), span },
    span,
  };
  return refresh(
    builtinFunctions["affine"]!({ ...call, environment: bound, arguments: [input, size] }) as Tensor,
    session,
  );
}

/** A table, or what a net makes of each entry of a vocabulary: `net E = embed(64)`. */
function tableOf(project: Expression, size: number, environment: Environment, span: Span): Tensor {
  const given = evaluate(project, environment);
  if (given.kind !== "stage") return asTensor(given, environment, project.span);
  const entries = build.iota(namedAxis(environment.session, "entry", size));
  const tokens = tensor(entries, { vocabulary: { name: "entry", size } });
  return given.apply([tokens], { environment, span, backward: false });
}

/** `project = E`: logits are the products with the rows of a table. */
function tied(
  value: Tensor,
  project: Expression,
  size: number,
  environment: Environment,
  span: Span,
): Tensor {
  const table = tableOf(project, size, environment, span);
  const feature = featureOf(table.node);
  const [rows] = table.axes;
  const own = featureOf(value.node);
  if (!feature || !rows || !own) fail(environment, "no-feature", project.span);
  const { sizes } = environment.session;
  if (!sizes.unify(build.fixedSize(own), build.fixedSize(feature)))
    fail(
      environment,
      "sizes-do-not-meet",
      project.span,
      { left: build.fixedSize(own), right: build.fixedSize(feature) },
      [sizeNote(value, span, environment), sizeNote(table, project.span, environment)],
    );
  const inner = plainAxis(environment.session, build.fixedSize(feature), 2);
  const product = build.contract(
    withFeature(build.rename(value.node, own, inner), inner),
    build.rename(table.node, feature, inner),
    [inner],
  );
  return over(
    value,
    build.rename(product, rows.axis, featureAxis(environment.session, build.fixedSize(rows.axis))),
  );
}

/** The library's losses over numbers and over tokens. */
function checkType(
  { definition, closure }: DefinitionValue,
  target: Tensor,
  environment: Environment,
  span: Span,
): void {
  if (!closure.file.startsWith("std/")) return;
  const loss = definition.name.name;
  const tokens = loss !== "sigmoid" && loss !== "regress";
  if (tokens === (target.vocabulary !== null)) return;
  fail(environment, "target-type", span, {
    loss,
    target: target.target!,
    wanted: tokens ? "tokens" : "numbers",
    found: tokens ? "numbers" : "tokens",
    way: tokens
      ? `Use \`regress\`, or \`sigmoid\` for numbers between 0 and 1; or declare \`${target.target!}\` with type \`token\`.`
      : `Use \`softmax\`, or declare \`${target.target!}\` with type \`f32\`.`,
  });
}

function wayToMeet(own: readonly string[], wanted: readonly string[]): string {
  const missing = wanted.filter((name) => !own.includes(name));
  const extra = own.filter((name) => !wanted.includes(name));
  if (missing.length === 0)
    return `Make one vector of the steps along \`${extra[0]}\` first: with \`last\`, \`mean\` or \`max\`.`;
  if (extra.length === 0)
    return `The loss asks for a prediction at every step of \`${missing[0]}\`: leave out what takes that axis away, such as \`last\`.`;
  return `If both have a value at the same steps, give both the same axis: \`${missing[0]}\` or \`${extra[0]}\`.`;
}

/** A loss over whole sequences names its own axes; any other compares step with step, so the axes must be the same. */
function checkAxes(
  definition: DefinitionStatement,
  value: Tensor,
  target: Tensor,
  environment: Environment,
  span: Span,
): void {
  if (definition.options![0]!.axes) return;
  const names = (x: Tensor): string[] =>
    x.node.type.axes.filter((a: Axis) => a.kind === "time").map((a) => a.name);
  const [own, wanted] = [names(value), names(target)];
  if (own.length === wanted.length && own.every((n) => wanted.includes(n))) return;
  const list = (axes: readonly string[]) =>
    axes.length === 0
      ? "no named axis"
      : `${axes.length > 1 ? "axes" : "axis"} ${axes.map((a) => `\`${a}\``).join(", ")}`;
  const notes = target.origin
    ? [{ message: `\`${target.target!}\` is declared here:`, ...target.origin }]
    : [];
  fail(
    environment,
    "axes-do-not-meet",
    span,
    { target: target.target!, wanted: list(wanted), found: list(own), way: wayToMeet(own, wanted) },
    notes,
  );
}
