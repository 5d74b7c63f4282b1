/**
 * A whole program: statements in order, the standard library around them, and the runs that it takes until every
 * size is known.
 *
 * One model is several programs over the same weights: prediction, the loss in training (dropout on) and in
 * evaluation, and prediction step by step. Each is one elaboration in its own mode; together they are one joint graph, so that
 * passes which lay out weights see every use of them.
 */
import type { Graph, Node, Output, Parameter } from "../ir/graph/types.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Program } from "../parser/ast.ts";
import type { TrainSettings } from "../passes/train-settings.ts";
import { dimensionKey, type DataInfo } from "./data.ts";
import { compareOrder, type Mode, type NetReference, type Result, type Session } from "./environment.ts";
import { evaluateOutputs, objectiveEntry, trainOutputs, trainedBy } from "./objective.ts";
import { runOnce, type ElaborateOptions, type Run, type Source } from "./run.ts";
import { decodeSettings, type DecodeSettings } from "./decode-settings.ts";
import { trainSettings } from "./settings.ts";
import { checkUse } from "./use.ts";
import type { Origin } from "./values.ts";

/** A program that means something. */
export interface Model {
  /** All entries in one; outputs are named `entry:name`. */
  readonly graph: Graph;
  readonly data: readonly DataInfo[];
  /** In the order of the source, with the statement that each stands in. */
  readonly parameters: readonly (Parameter & { readonly site: Origin | null })[];
  readonly results: readonly Result[];
  readonly train: TrainSettings;
  readonly decode: readonly DecodeSettings[];
  /** States live on from one training chunk to the next. */
  readonly chunked: boolean;
  /** What keeps the model from running one step at a time, if anything. */
  readonly looksAhead: Session["looksAhead"];
  /**
   * What the objectives train, in the order in which a step of training takes them: nets by name, null for all parameters
   * that belong to none of them. Without a loss there is none.
   */
  readonly trained: readonly (NetReference | null)[];
  /** In the graphs of `predict` and `step`: what `prev` gives, and the data that it reads. */
  readonly fedBack: readonly FedBackNode[];
  /** The numbers that it reads of its own and can't be left to make, and why: found when that is tried. */
  readonly cannotFeedBack: { readonly data: string; readonly why: string } | null;
}

export interface FedBackNode {
  readonly entry: string;
  readonly data: string;
  readonly node: Node;
}

/** The programs of a model, by mode. `step` is cut down to one step later, by `stepify`. */
const modes: readonly { readonly entry: string; readonly mode: (chunked: boolean) => Mode }[] = [
  { entry: "predict", mode: () => ({ training: false, carry: false }) },
  { entry: "evaluate", mode: (chunked) => ({ training: false, carry: chunked }) },
  { entry: "train", mode: (chunked) => ({ training: true, carry: chunked }) },
  { entry: "step", mode: () => ({ training: false, carry: true }) },
];

const mostRuns = 10;

export function elaborate(
  source: Source,
  options: ElaborateOptions,
  diagnostics: Diagnostic[],
): Model | null {
  let known: ReadonlyMap<string, number> = new Map(
    [...options.dims].map(([name, size]) => [dimensionKey(name), size]),
  );
  let siblings: ReadonlyMap<string, number> = new Map();
  for (let run = 0; run < mostRuns; run++) {
    const trial = runOnce(source, options, known, siblings, { training: true, carry: false });
    // A run that learns how lengths lie has built on another guess, so its errors may not stand.
    if (trial.diagnostics.some((d) => d.severity === "error") && !trial.sizes.hasNewFacts()) {
      diagnostics.push(...trial.diagnostics);
      return null;
    }
    const solved = new Map(trial.sizes.solved());
    const unsolved = trial.sizes.unsolved();
    const progress =
      solved.size > known.size || [...trial.session.counted].some(([k, n]) => n > 1 && siblings.get(k) !== n);
    known = solved;
    siblings = trial.session.counted;
    if (progress) continue;
    if (unsolved.length === 0) break;
    const ofData = unsolved.filter(({ key }) => key.startsWith(dimensionKey("")));
    if (options.assume && ofData.length > 0) {
      // Sizes that no two data share, so that only true agreement passes.
      let example = 3;
      for (const { key } of ofData) known = new Map(known).set(key, (example += 2));
      continue;
    }
    // What follows from a size that only the data can tell is no mistake of its own.
    for (const { key, origin, what, way } of ofData.length > 0 ? ofData : unsolved)
      makeReporter(origin.file, diagnostics).report(
        ofData.length > 0 ? "size-from-data" : "unknown-size",
        origin.span,
        { what, way, name: key.slice(dimensionKey("").length) },
      );
    return null;
  }

  const parameters: Session["parameters"] = new Map();
  const axes: Session["axes"] = new Map();
  const outputs: Output[] = [];
  const chunked = isChunked(source.program);
  let last: Run | null = null;
  let step: Run | null = null;
  let predicted: Run | null = null;
  const fedBack: FedBackNode[] = [];
  for (const { entry, mode } of modes) {
    const run = (choices?: ReadonlyMap<string, Node>): Run =>
      runOnce(source, options, known, siblings, mode(chunked), { parameters, axes }, choices);
    // What the model chooses is known once it has read the true entries; then it reads of both.
    const first = run();
    const { wanted, found } = first.session.sampled;
    const done = wanted.size > 0 ? run(found) : first;
    if (entry === "train") last = done;
    if (entry === "step") step = done;
    if (entry === "predict") predicted = done;
    if (entry === "predict" || entry === "step")
      for (const [node, data] of done.session.fedBack) fedBack.push({ entry, data, node });
    outputs.push(...entryOutputs(entry, done.session, searchesPaths(source.program)));
    if (entry === "train" && options.trainingResults) outputs.push(...resultOutputs("apply", done.session));
  }
  const { session } = last!;
  diagnostics.push(...last!.diagnostics);
  checkUse(source, session, predicted!.session, diagnostics);
  const train = trainSettings(source, diagnostics);
  const decode = decodeSettings(source, session.data.values(), diagnostics);
  if (diagnostics.some((d) => d.severity === "error")) return null;
  return {
    graph: { name: source.file.replace(/^.*\//u, "").replace(/\.rnn$/u, ""), outputs },
    data: [...session.data.values()],
    parameters: [...parameters.values()]
      .sort((a, b) => compareOrder(a.path.order, b.path.order))
      .map((p) => ({ ...p.parameter, site: p.path.site })),
    results: [...session.results.values()],
    train,
    decode,
    chunked,
    looksAhead: step!.session.looksAhead,
    trained: trainedBy(session.objectives),
    fedBack,
    cannotFeedBack: null,
  };
}

/** `tbptt K` trains on chunks of a long sequence; states live on from chunk to chunk. */
const isChunked = (program: Program): boolean =>
  program.statements.some(
    (s) => s.kind === "train" && s.settings.some((setting) => setting.key.name === "tbptt"),
  );

/** `decode { beam(n) }` looks for the labels of the likeliest paths, so it must see what paths are made of. */
const searchesPaths = (program: Program): boolean =>
  program.statements.some((s) => s.kind === "decode" && s.settings.some(({ key }) => key.name === "beam"));

const resultOutputs = (entry: string, { results }: Session): readonly Output[] =>
  [...results.values()].map((result) => ({
    name: `${entry}:${result.name}`,
    role: "predict",
    value: result.value.node,
  }));

function entryOutputs(entry: string, session: Session, emissions: boolean): Output[] {
  const outputs: Output[] = [];
  if (entry === "predict" || entry === "step") outputs.push(...resultOutputs(entry, session));
  else if (entry === "train") outputs.push(...trainOutputs(session.objectives));
  else outputs.push(...evaluateOutputs(entry, session.objectives));
  if (entry === "predict" && emissions)
    for (const { name, spelling } of session.results.values())
      if (spelling)
        outputs.push({ name: `predict:${name}.emissions`, role: "predict", value: spelling.emissions });
  // Of objectives that alternate, the last one hands the states on.
  const carrying =
    entry === "train" ? objectiveEntry("train", trainedBy(session.objectives).at(-1) ?? null) : entry;
  if (outputs.length > 0)
    for (const [name, value] of session.carried)
      outputs.push({ name: `${carrying}:${name}`, role: "carry", value });
  return outputs;
}
