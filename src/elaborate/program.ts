/**
 * A whole program: statements in order, the standard library around them, and the runs that it takes until every
 * size is known.
 *
 * One model is several programs over the same weights: prediction, the loss in training (dropout on) and in
 * evaluation, and prediction step by step. Each is one elaboration in its own mode; together they are one joint graph, so that
 * passes which lay out weights see every use of them.
 */
import * as build from "../ir/graph/build.ts";
import type { Graph, Node, Output, Parameter } from "../ir/graph/types.ts";
import type { Diagnostic, Note } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Expression, Identifier, PipelineStatement, Program, Statement } from "../parser/ast.ts";
import type { TrainSettings } from "../passes/train-settings.ts";
import { declareData, dimensionKey, type DataInfo } from "./data.ts";
import { checkDefinition, firstPlace } from "./definitions.ts";
import {
  childPath,
  compareOrder,
  Fault,
  rootPath,
  type Environment,
  type Mode,
  type Path,
  type Result,
  type Session,
} from "./environment.ts";
import { evaluate, find } from "./evaluate.ts";
import { learnedTensor } from "./parameters.ts";
import { lossKey } from "./output-layers.ts";
import { evaluatePipe, stageFrom } from "./stages.ts";
import { decodeSettings, trainSettings, type DecodeSettings } from "./settings.ts";
import { makeSizes, type Sizes } from "./sizes.ts";
import { checkUse, inputsBelow } from "./use.ts";
import { asTensor, describe, featureAxis, tensor, timeAxis, toF32 } from "./tensors.ts";
import type { Origin, Stage, Tensor, Value } from "./values.ts";

export interface Source {
  readonly file: string;
  readonly program: Program;
}

export interface ElaborateOptions {
  /** Sizes that only the data can tell: `d`, `y`, and vocabularies by the name of their data. */
  readonly dims: ReadonlyMap<string, number>;
  /** Takes an example size where the data's is not known: enough to check a program. */
  readonly assume: boolean;
  readonly library: readonly Source[];
  readonly imports: (path: string, from: string) => Source | null;
}

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
  readonly hasLoss: boolean;
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
    if (trial.diagnostics.some((d) => d.severity === "error")) {
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
  for (const { entry, mode } of modes) {
    const done = runOnce(source, options, known, siblings, mode(chunked), { parameters, axes });
    if (entry === "train") last = done;
    if (entry === "step") step = done;
    if (entry === "predict") predicted = done;
    outputs.push(...entryOutputs(entry, done.session));
  }
  const { session } = last!;
  diagnostics.push(...last!.diagnostics);
  checkUse(source, session, predicted!.session, diagnostics);
  const train = trainSettings(source, diagnostics);
  const decode = decodeSettings(source, diagnostics);
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
    hasLoss: session.objectives.length > 0,
  };
}

/** `tbptt K` trains on chunks of a long sequence; states live on from chunk to chunk. */
const isChunked = (program: Program): boolean =>
  program.statements.some(
    (s) => s.kind === "train" && s.settings.some((setting) => setting.key.name === "tbptt"),
  );

function entryOutputs(entry: string, session: Session): Output[] {
  const outputs: Output[] = [];
  if (entry === "predict" || entry === "step")
    for (const result of session.results.values())
      outputs.push({ name: `${entry}:${result.name}`, role: "predict", value: result.value.node });
  else if (session.objectives.length > 0)
    outputs.push({ name: `${entry}:loss`, role: "loss", value: lossOf(session) });
  if (outputs.length > 0)
    for (const [name, value] of session.carried)
      outputs.push({ name: `${entry}:${name}`, role: "carry", value });
  return outputs;
}

/** The sum of the objectives, averaged over the batch. */
function lossOf(session: Session): Node {
  const sum = session.objectives.map((o) => o.value).reduce((a, b) => build.add(a, b));
  return build.div(build.reduce("sum", sum, [build.batch]), toF32(build.length(build.batch)));
}

// ---- one run ------------------------------------------------------------------------------------------------------

interface Run {
  readonly session: Session;
  readonly sizes: Sizes;
  readonly diagnostics: Diagnostic[];
}

function runOnce(
  source: Source,
  options: ElaborateOptions,
  known: ReadonlyMap<string, number>,
  siblings: ReadonlyMap<string, number>,
  mode: Mode,
  shared: Pick<Session, "parameters" | "axes"> = { parameters: new Map(), axes: new Map() },
): Run {
  const diagnostics: Diagnostic[] = [];
  const sizes = makeSizes(known);
  const session: Session = {
    mode,
    sizes,
    siblings,
    counted: new Map(),
    ...shared,
    carried: new Map(),
    data: new Map(),
    targets: new Map(),
    usedTargets: new Set(),
    objectives: [],
    results: new Map(),
    fedBack: new Set(),
    looksAhead: [],
  };
  const library = new Map<string, Value>();
  const root = environmentOf("", session, library, [], diagnostics);
  for (const { file, program } of options.library)
    for (const statement of program.statements)
      define(statement, { ...root, file, reporter: makeReporter(file, diagnostics) }, library);
  const bindings = new Map<string, Value>();
  const scope: Scope = { bindings, failed: new Set(), places: new Map() };
  const environment = environmentOf(source.file, session, bindings, [library], diagnostics, scope.failed);
  runStatements(source, environment, scope, options, new Set([source.file]));
  return { session, sizes, diagnostics };
}

function environmentOf(
  file: string,
  session: Session,
  bindings: ReadonlyMap<string, Value>,
  outer: readonly ReadonlyMap<string, Value>[],
  diagnostics: Diagnostic[],
  failed: ReadonlySet<string> = new Set(),
): Environment {
  const reporter = makeReporter(file, diagnostics);
  return {
    session,
    reporter,
    diagnostics,
    file,
    path: rootPath(),
    calls: [],
    recurrence: null,
    lastStage: null,
    lookup: (name) => {
      // What failed was reported where it stands.
      if (failed.has(name)) throw new Fault(null, { start: 0, end: 0 });
      return bindings.get(name) ?? outer.map((frame) => frame.get(name)).find((v) => v !== undefined) ?? null;
    },
    lookupAt: () => null,
    names: () =>
      [...bindings.keys(), ...outer.flatMap((frame) => [...frame.keys()])].filter((n) => !n.includes(" ")),
  };
}

/** What the statements of a program and its imports have defined so far. */
interface Scope {
  readonly bindings: Map<string, Value>;
  /** Names whose statement was at fault: what uses them is passed over. */
  readonly failed: Set<string>;
  /** Where each name is defined. */
  readonly places: Map<string, Origin>;
}

function define(statement: Statement, environment: Environment, bindings: Map<string, Value>): string | null {
  if (statement.kind !== "fn" && statement.kind !== "cell" && statement.kind !== "loss") return null;
  const { name } = statement.name;
  const key = statement.kind === "loss" ? lossKey(name) : name;
  bindings.set(key, { kind: "definition", definition: statement, closure: environment });
  return key;
}

/** Definitions see each other whatever their order. */
function defineAll(statements: readonly Statement[], environment: Environment, scope: Scope): void {
  const { reporter, file } = environment;
  for (const statement of statements) {
    if (statement.kind !== "fn" && statement.kind !== "cell" && statement.kind !== "loss") continue;
    const { span, name } = statement.name;
    const key = statement.kind === "loss" ? lossKey(name) : name;
    const before = scope.places.get(key);
    if (before) reporter.report("name-twice", span, { name }, [firstPlace(before, before.file)]);
    if (!checkDefinition(statement, reporter) || before) scope.failed.add(key);
    define(statement, environment, scope.bindings);
    scope.places.set(key, { file, span });
  }
}

function runStatements(
  source: Source,
  environment: Environment,
  scope: Scope,
  options: ElaborateOptions,
  seen: Set<string>,
): void {
  const { statements } = source.program;
  defineAll(statements, environment, scope);
  for (const [k, statement] of statements.entries()) {
    const path = { ...environment.path, site: { file: environment.file, span: statement.span } };
    try {
      runStatement(statement, { ...environment, path }, scope, options, seen);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      reportFault(error, statements.slice(k + 1), environment);
      if ("name" in statement && statement.name) scope.failed.add(statement.name.name);
    }
  }
}

/** A name that a later statement defines is not unknown, but used too early. */
function reportFault(fault: Fault, later: readonly Statement[], environment: Environment): void {
  const reporter = fault.reporter ?? environment.reporter;
  if (fault.code === null) return;
  const { file } = environment;
  const named = later.find(
    (s): s is Statement & { readonly name: Identifier } =>
      "name" in s && s.name !== undefined && s.name.name === fault.words["name"],
  );
  if (fault.code === "unknown-name" && named)
    reporter.report("used-before", fault.span, { name: named.name.name }, [
      firstPlace(named.name, file),
      ...fault.notes,
    ]);
  else reporter.report(fault.code, fault.span, fault.words, fault.notes);
}

function runStatement(
  statement: Statement,
  environment: Environment,
  scope: Scope,
  options: ElaborateOptions,
  seen: Set<string>,
): void {
  const { session } = environment;
  const { bindings } = scope;
  switch (statement.kind) {
    case "import": {
      const imported = options.imports(statement.path, environment.file);
      if (!imported) throw new Fault("import-not-found", statement.pathSpan, { path: statement.path });
      if (seen.has(imported.file)) return;
      seen.add(imported.file);
      const inner: Environment = {
        ...environment,
        file: imported.file,
        reporter: makeReporter(imported.file, environment.diagnostics),
      };
      runStatements(imported, inner, scope, options, seen);
      return;
    }
    case "input":
    case "target": {
      checkNew(statement.name, environment, scope);
      const value = declareData(statement, environment);
      bindings.set(statement.name.name, value);
      if (statement.kind === "target") session.targets.set(statement.name.name, value);
      return;
    }
    case "param":
      checkNew(statement.name, environment, scope);
      bindings.set(statement.name.name, learnedTensor(statement, environment));
      return;
    case "let": {
      checkNew(statement.name, environment, scope);
      const path = childPath(session, environment.path, statement.name.name);
      bindings.set(statement.name.name, evaluate(statement.value, { ...environment, path }));
      return;
    }
    case "net":
      checkNew(statement.name, environment, scope);
      bindings.set(
        statement.name.name,
        sharedStage(statement.name.name, stageFrom(statement.value, environment), {
          ...environment.path,
          order: childPath(session, environment.path, statement.name.name).order,
        }),
      );
      return;
    case "fn":
    case "cell":
    case "loss":
    case "train":
    case "decode":
      return;
    case "output": {
      const { name, span } = statement.name;
      // A result that is only named opens no path: parameters stand in the `let` that computes it.
      const value = statement.value
        ? asTensor(
            evaluate(statement.value, {
              ...environment,
              path: childPath(session, environment.path, name),
            }),
            environment,
            statement.value.span,
          )
        : asTensor(environment.lookup(name) ?? failUnknown(name, span, environment), environment, span);
      const before = session.results.get(name)?.origin;
      if (before) throw new Fault("two-outputs", span, { name }, firstOutput(before));
      if (statement.value) checkNew(statement.name, environment, scope);
      if (statement.value) bindings.set(name, value);
      session.results.set(name, {
        name,
        value,
        meaning: value.node.type.dtype === "i32" ? "labels" : "value",
        target: null,
        origin: environment.path.site!,
      });
      return;
    }
    case "minimize": {
      const value = asTensor(evaluate(statement.value, environment), environment, statement.value.span);
      if (statement.net) throw new Fault("not-yet", statement.net.span, { what: "`minimize NET : …`" });
      const rest = build.without(value.node.type.axes, [build.batch]);
      const total = build.broadcast(toF32(build.reduce("sum", value.node, rest)), [build.batch]);
      session.objectives.push({ value: total, span: statement.span });
      for (const name of inputsBelow([value.node]))
        if (session.targets.has(name)) session.usedTargets.add(name);
      return;
    }
    case "pipeline":
      runPipeline(statement, environment, bindings);
      return;
    default:
      return statement satisfies never;
  }
}

function failUnknown(name: string, span: Statement["span"], environment: Environment): never {
  throw new Fault("unknown-name", span, { name, nearest: nearest(name, environment.names()) ?? "" });
}

function checkNew({ name, span }: Identifier, { file }: Environment, { bindings, places }: Scope): void {
  const before = places.get(name);
  if (!before && !bindings.has(name)) {
    places.set(name, { file, span });
    return;
  }
  throw new Fault("name-twice", span, { name }, before ? [firstPlace(before, before.file)] : []);
}

/** A net's parameters are its own wherever it is used. */
function sharedStage(name: string, stage: Stage, { order, site }: Path): Stage {
  return {
    kind: "stage",
    name,
    apply: (inputs, at) =>
      stage.apply(inputs, {
        ...at,
        environment: { ...at.environment, path: { name, key: name, count: new Map(), order, site } },
      }),
  };
}

/** The main pipeline; without a value at its head it reads `x`. */
function runPipeline(
  statement: PipelineStatement,
  environment: Environment,
  bindings: Map<string, Value>,
): void {
  const { value } = statement;
  const last = value.kind === "pipe" ? value.stages.at(-1)! : value;
  const inner: Environment = { ...environment, lastStage: last };
  const first = value.kind === "pipe" ? value.stages[0]! : value;
  const head = headOf(first, inner);
  if (head === "stage") {
    const x = bindings.get("x") ?? impliedInput(environment, bindings);
    const stages: readonly Expression[] = [
      { kind: "name", name: "x", span: first.span },
      ...(value.kind === "pipe" ? value.stages : [value]),
    ];
    const scope: Environment = { ...inner, lookup: (n) => (n === "x" ? x : inner.lookup(n)) };
    finish(evaluatePipe({ kind: "pipe", stages, span: value.span }, scope), environment, value);
    return;
  }
  finish(evaluate(value, inner), environment, value);
}

function headOf(expression: Expression, environment: Environment): "stage" | "value" {
  const name =
    expression.kind === "name"
      ? expression.name
      : expression.kind === "call" && expression.callee.kind === "name"
        ? expression.callee.name
        : null;
  if (name === null)
    return expression.kind === "parenthesised"
      ? headOf(expression.value, environment)
      : expression.kind === "pipe"
        ? headOf(expression.stages[0]!, environment)
        : "value";
  const bound = find(name, environment);
  if (bound?.kind === "definition")
    return bound.definition.options !== null ? "stage" : expression.kind === "name" ? "stage" : "value";
  return bound?.kind === "stage" && expression.kind === "name" ? "stage" : "value";
}

/** `input x : f32[T, d]`, where nothing is declared. */
function impliedInput(environment: Environment, bindings: Map<string, Value>): Tensor {
  const { session } = environment;
  const size = session.sizes.fresh(
    dimensionKey("d"),
    { file: environment.file, span: { start: 0, end: 0 } },
    "`d`",
  );
  const node = build.input("x", "f32", [build.batch, timeAxis(session, "T"), featureAxis(session, size)]);
  const value = tensor(node);
  session.data.set("x", {
    name: "x",
    role: "input",
    base: "f32",
    axes: [{ name: "T", size: null }],
    feature: size,
    vocabulary: null,
    derived: null,
  });
  bindings.set("x", value);
  return value;
}

const firstOutput = ({ file, span }: Origin): readonly Note[] => [
  { message: "The first is here:", file, span },
];

/** A pipeline that ends without an output layer is a named result too. */
function finish(value: Value, environment: Environment, expression: Expression): void {
  const { session } = environment;
  if (value.kind !== "tensor") {
    asTensor(value, environment, expression.span);
    throw new Fault("not-a-value", expression.span, {
      what: describe(value),
      way: "Let data flow in: `x >> …`.",
    });
  }
  const used = [...session.results.values()].some((r) => r.value.node === value.node);
  const before = session.results.get("output")?.origin;
  if (!used && before)
    throw new Fault("two-outputs", expression.span, { name: "output" }, firstOutput(before));
  if (!used)
    session.results.set("output", {
      name: "output",
      value,
      meaning: value.node.type.dtype === "i32" ? "labels" : "value",
      target: null,
      origin: { file: environment.file, span: expression.span },
    });
}
