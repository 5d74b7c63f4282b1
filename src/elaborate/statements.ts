/** What each kind of statement does. One that fails is reported once, and those after it go on. */
import * as build from "../ir/graph/build.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Expression, Identifier, PipelineStatement, Statement } from "../parser/ast.ts";
import { declareData, dimensionKey } from "./data.ts";
import { checkDefinition, firstPlace } from "./definitions.ts";
import { Fault, childPath, type Environment, type NetReference, type Path, fail } from "./environment.ts";
import { evaluate, find } from "./evaluate.ts";
import { lossKey } from "./output-layers.ts";
import { learnedTensor } from "./parameters.ts";
import type { ElaborateOptions, Source } from "./run.ts";
import { evaluatePipe, stageFrom } from "./stages.ts";
import { asTensor, describe, featureAxis, tensor, timeAxis, toF32 } from "./tensors.ts";
import { wayFromUnknown } from "./unknown-names.ts";
import { inputsBelow } from "./use.ts";
import type { Origin, Stage, Tensor, Value } from "./values.ts";

/** What the statements of a program and its imports have defined so far. */
export interface Scope {
  readonly bindings: Map<string, Value>;
  /** Names whose statement was at fault: what uses them is passed over. */
  readonly failed: Set<string>;
  /** Where each name is defined. */
  readonly places: Map<string, Origin>;
}

export function define(
  statement: Statement,
  environment: Environment,
  bindings: Map<string, Value>,
): string | null {
  if (statement.kind !== "fn" && statement.kind !== "cell" && statement.kind !== "loss") return null;
  const { name } = statement.name;
  const key = statement.kind === "loss" ? lossKey(name) : name;
  bindings.set(key, { kind: "definition", definition: statement, closure: environment });
  return key;
}

/** Definitions see each other whatever their order. */
export function defineAll(statements: readonly Statement[], environment: Environment, scope: Scope): void {
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

export function runStatements(
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
      const net = statement.net && namedNet(statement.net, environment);
      const value = asTensor(evaluate(statement.value, environment), environment, statement.value.span);
      const rest = build.without(value.node.type.axes, [build.batch]);
      const total = build.broadcast(toF32(build.reduce("sum", value.node, rest)), [build.batch]);
      session.objectives.push({ value: total, span: statement.span, net });
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
  throw new Fault("unknown-name", span, { name, way: wayFromUnknown(name, environment.names()) });
}

function checkNew({ name, span }: Identifier, { file }: Environment, { bindings, places }: Scope): void {
  const before = places.get(name);
  if (!before && !bindings.has(name)) {
    places.set(name, { file, span });
    return;
  }
  throw new Fault("name-twice", span, { name }, before ? [firstPlace(before, before.file)] : []);
}

/** The net of `minimize NET : …`. */
function namedNet({ name, span }: Identifier, environment: Environment): NetReference {
  const value = find(name, environment) ?? failUnknown(name, span, environment);
  if (value.kind !== "stage" || !value.isNet)
    throw new Fault("net-wanted", span, { name, what: describe(value) });
  return { name, file: environment.file, span };
}

/** A net's parameters are its own wherever it is used. */
function sharedStage(name: string, stage: Stage, { order, site }: Path): Stage {
  return {
    kind: "stage",
    name,
    isNet: true,
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
    const declared = [...environment.session.data.values()].filter((d) => d.role === "input");
    if (!bindings.has("x") && declared.length > 0)
      fail(environment, "pipeline-without-value", first.span, {
        inputs: declared.map((d) => `\`${d.name}\``).join(", "),
        first: declared[0]!.name,
      });
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
