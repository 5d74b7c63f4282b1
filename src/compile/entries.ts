/**
 * From a model's joint graph to the graphs of its entries, each after all its passes.
 *
 * The forward passes see every entry at once, so that weights are laid out one way for all; then each entry goes its own
 * way: `train` gets its gradients, `step` loses the time axis, `predict` of a model that reads its own choices is parted into
 * `begin` and `next`.
 */
import type { Axis, Graph, Output } from "../ir/graph/types.ts";
import { axesOf, nodesOf } from "../ir/graph/walk.ts";
import type { NetReference } from "../elaborate/environment.ts";
import { objectiveEntry } from "../elaborate/objective.ts";
import type { Model } from "../elaborate/program.ts";
import {
  backwardPasses,
  finalPasses,
  forwardPasses,
  runPasses,
  type PipelineOptions,
  type Stage,
} from "../passes/pipeline.ts";
import type { Owner } from "../passes/stacked-sums.ts";
import { entryOf, split } from "../passes/split.ts";
import { stepify } from "../passes/stepify.ts";
import { generatorOf, type Generator } from "./generator.ts";
import { ownerOf } from "./owners.ts";

export interface Entries {
  readonly predict: Graph | null;
  readonly evaluate: Graph | null;
  /** One for each objective, in the order in which a step of training takes them. */
  readonly objectives: readonly ObjectiveEntry[];
  /** Which of them trains a parameter. */
  readonly owner: Owner;
  readonly step: Graph | null;
  /** Why there is no step, in the language's words; null if there is one, or nothing to step along. */
  readonly looksAhead: string | null;
  /** What runs a model on its own choices; null where there is nothing that it feeds back. */
  readonly generator: Generator | null;
  /** What makes the predictions differentiable by whoever computes with them; nothing unless it was asked for. */
  readonly differentiable: readonly { readonly name: string; readonly graph: Graph }[];
}

/** The gradients of one objective by the parameters that it trains. */
export interface ObjectiveEntry {
  readonly net: NetReference | null;
  readonly graph: Graph;
}

export interface EntryOptions extends PipelineOptions {
  readonly differentiable?: boolean;
  readonly observe?: (entry: string, stage: Stage) => void;
}

export function makeEntries(model: Model, options: EntryOptions = {}): Entries {
  const observe = (entry: string) => (stage: Stage) => options.observe?.(entry, stage);
  const owner = ownerOf(model);
  const whole = options.differentiable ? model.graph : withoutTrainingResults(model.graph);
  const joint = runPasses(whole, forwardPasses({ ...options, owner }), { observe: observe("all") });
  const finish = (entry: string, graph: Graph | null, passes = finalPasses(options)): Graph | null =>
    graph && runPasses(graph, passes, { observe: observe(entry) });
  // Chunks have a length; of whole sequences a modest one is assumed.
  const lookups = model.train.batch * (model.train.tbptt ?? 16);
  const objectives = model.trained.map((net, trains): ObjectiveEntry => {
    const backward = backwardPasses({ ...options, lookups, owner, trains });
    const entry = objectiveEntry("train", net);
    return { net, graph: finish(entry, split(joint, entry), [...backward, ...finalPasses(options)])! };
  });
  const pulled = (name: string, results: Graph): Entries["differentiable"] => {
    const backward = backwardPasses({ ...options, lookups, owner, pullback: floatData(model) });
    const graph = runPasses(results, [...backward, ...finalPasses(options)], { observe: observe(name) });
    return graph.outputs.length > 0 ? [{ name, graph }] : [];
  };
  const stepped = stepEntry(model, split(joint, "step"));
  const predict = split(joint, "predict");
  const generator = predict && generatorOf(model, predict);
  const simplified = [
    ...forwardPasses(options).filter((p) => p.name === "simplify"),
    ...finalPasses(options),
  ];
  const results = options.differentiable ? resultsOf(model, predict) : null;
  const pullback = results ? pulled("pullback", results) : [];
  const inTraining = results && pullback.length > 0 ? trainingResults(split(joint, "apply"), results) : null;
  return {
    predict: finish("predict", generator?.attended?.predict ?? predict),
    evaluate: finish("evaluate", split(joint, "evaluate")),
    objectives,
    owner,
    step: finish("step", stepped.graph, simplified),
    looksAhead: stepped.looksAhead,
    generator: generator && {
      ...generator,
      begin: finish("begin", generator.begin, simplified),
      next: finish("next", generator.next, simplified),
    },
    differentiable: [
      ...pullback,
      ...(inTraining ? [{ name: "apply", graph: finish("apply", inTraining)! }] : []),
      ...(inTraining ? pulled("apply.pullback", inTraining) : []),
    ],
  };
}

/** Results as they are in training are for who differentiates them. */
const withoutTrainingResults = (graph: Graph): Graph => ({
  ...graph,
  outputs: graph.outputs.filter((output) => entryOf(output) !== "apply"),
});

const floatData = ({ data }: Model): ReadonlySet<string> =>
  new Set(data.filter(({ base }) => base === "f32").map(({ name }) => name));

/** Predictions without what is left beside them for searches and for the next call. */
function resultsOf({ results }: Model, predict: Graph | null): Graph | null {
  const names = new Set(results.map(({ name }) => `predict:${name}`));
  return predict && { ...predict, outputs: predict.outputs.filter(({ name }) => names.has(name)) };
}

/** The same in training, under the same names; null where that is the same. */
function trainingResults(graph: Graph | null, results: Graph): Graph | null {
  const outputs = results.outputs.flatMap((output): Output[] => {
    const own = graph?.outputs.find(({ name }) => name.replace(/^apply:/u, "predict:") === output.name);
    return own ? [{ ...own, name: output.name }] : [];
  });
  const isSame = outputs.every((own, k) => own.value === results.outputs[k]!.value);
  return isSame ? null : { name: `${results.name}.apply`, outputs };
}

function stepEntry(model: Model, graph: Graph | null): { graph: Graph | null; looksAhead: string | null } {
  const [place] = model.looksAhead;
  if (place)
    return {
      graph: null,
      looksAhead: `\`${place.what}\` reads the whole sequence, so the model can't run one step at a time.`,
    };
  if (!graph) return { graph: null, looksAhead: null };
  const axis = streamAxis(graph);
  if (!axis)
    return { graph: null, looksAhead: "The model has no single sequence to run along one step at a time." };
  const result = stepify(graph, axis);
  if ("graph" in result) return { graph: result.graph, looksAhead: null };
  return { graph: null, looksAhead: `The model can't run one step at a time: ${result.refusal}.` };
}

/** The only ragged axis of the inputs; null where there is none or more than one. */
function streamAxis(graph: Graph): Axis | null {
  const given = new Set(nodesOf(graph, "input").flatMap((node) => node.type.axes));
  const ragged = axesOf(graph).filter((axis) => axis.size.kind === "ragged" && given.has(axis));
  return ragged.length === 1 ? ragged[0]! : null;
}
