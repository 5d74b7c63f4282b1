/**
 * The body of a definition: equations in any order, evaluated when first read.
 *
 * In a `fn` or `loss` a name is the whole value. In a cell a bare name is this step's value, `h[t-1]` the last
 * step's; the equations then become the body of a scan (see `recurrence.ts`).
 */
import type { Code } from "../diagnostics/catalogue.ts";
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import type {
  BodyStatement,
  DefinitionStatement,
  Equation,
  Expression,
  Identifier,
  Span,
  StateDeclaration,
} from "../parser/ast.ts";
import { placeOf } from "./draws.ts";
import { Fault, childPath, equationPath, extend, fail, type Environment, type Path } from "./environment.ts";
import { leftAxes, madeAxes, madeAxis, shaped } from "./equations.ts";
import { evaluate } from "./evaluate.ts";
import { ownName, stepIndex } from "./indices.ts";
import { circleOf, evaluateLattice, type Lattice } from "./lattice.ts";
import { learnedTensor } from "./parameters.ts";
import { ownPosition, readElement, readState, type Recurrence } from "./recurrence.ts";
import { asTensor, tensor } from "./tensors.ts";
import { evaluateUnrolled } from "./unrolled.ts";
import type { DefinitionValue, Tensor, Value } from "./values.ts";
import { captured, declaredAxes, unviewed, viewed, type Views } from "./views.ts";

export interface BodyResult {
  readonly value: Tensor;
  /** What `predict` says, evaluated on demand. */
  readonly prediction: (() => Tensor) | null;
}

export interface BodyCall {
  readonly definition: DefinitionValue;
  readonly options: ReadonlyMap<string, Value>;
  readonly inputs: readonly Tensor[];
  /** Of the caller: session, path, recurrence. */
  readonly environment: Environment;
  /** A function's parameters are named after the equation it is called in, a stage's after the stage. */
  readonly path: Path;
  readonly recurrence: Recurrence | null;
  readonly span: Span;
}

/** A fault in the library's own text is shown where the user called it. */
export function runBody(call: BodyCall): BodyResult {
  const { environment, definition } = call;
  const blame = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof Fault) || error.code === null) throw error;
      const { name } = definition.definition.name;
      if (!isLibrary(definition.closure.file)) {
        if (ownFaults.has(error.code) || error.span === call.span || isLibrary(environment.file)) throw error;
        const use = { message: `\`${name}\` is used here:`, file: environment.file, span: call.span };
        throw new Fault(error.code, error.span, error.words, [...error.notes, use], error.reporter);
      }
      if (error.reporter === environment.reporter || isLibrary(environment.file)) throw error;
      const within: Note = {
        message: `In \`${name}\`:`,
        file: definition.closure.file,
        span: error.span,
      };
      const notes = aboutInputs.has(error.code) ? error.notes : [...error.notes, within];
      throw new Fault(error.code, call.span, error.words, notes, environment.reporter);
    }
  };
  const { value, prediction } = blame(() => evaluateBody(call));
  if (definition.definition.kind === "cell") return { value, prediction };
  return {
    value: returned(value, call.inputs),
    prediction: prediction && (() => returned(blame(prediction), call.inputs)),
  };
}

/** For the caller the axes bear its own names again, and those that a parameter did not name are listed. */
function returned(value: Tensor, inputs: readonly Tensor[]): Tensor {
  const outer = inputs.flatMap((x) => x?.axes ?? []);
  const listed = value.axes.map((a) => outer.find((o) => o.axis === a.axis) ?? a);
  const carried = outer.filter(
    (o, k) =>
      build.hasAxis(value.node, o.axis) &&
      !listed.some((a) => a.axis === o.axis) &&
      outer.findIndex((other) => other.axis === o.axis) === k,
  );
  return carried.length === 0 && listed.length === 0 ? value : { ...value, axes: [...carried, ...listed] };
}

const isLibrary = (file: string): boolean => file.startsWith("std/");

/** About what the user gave, whatever the library does with it. */
const aboutInputs: ReadonlySet<Code> = new Set<Code>(["token-where-vector", "no-feature", "size-wanted"]);

/** What is wrong with a definition however it is used. */
const ownFaults: ReadonlySet<Code> = new Set<Code>([
  "unknown-name",
  "cycle",
  "state-without-equation",
  "two-directions",
  "unused-binder",
  "endless-recursion",
]);

/** Each step back is a state of its own. */
const furthestStep = 1000;

/** No sensible program nests its calls deeper; a definition that calls itself does. */
const deepestCall = 40;

function evaluateBody(call: BodyCall): BodyResult {
  const { definition, closure } = call.definition;
  const { name } = definition.name;
  const calls = [...call.environment.calls, name];
  if (calls.length > deepestCall) fail(call.environment, "endless-recursion", call.span, { name });
  const { session } = call.environment;
  const words = [...(definition.options ?? []), ...definition.inputs].flatMap((p) => p.choices ?? []);
  const bindings = new Map<string, Value>(words.map(({ name }) => [name, { kind: "word", word: name }]));
  const scope: Environment = {
    ...extend(closure, bindings),
    session,
    path: call.path,
    calls,
    inLoss: call.environment.inLoss || definition.kind === "loss",
    recurrence: call.recurrence,
  };
  const equations = new Map<string, Equation>();
  for (const statement of definition.body)
    if (statement.kind === "equation") equations.set(statement.name.name, statement);
  const states = stateDeclarations(definition.body);
  const sequences = new Map<string, Tensor>();

  if (call.recurrence && definition.kind === "cell") bindings.set("t", ownPosition(call.recurrence));

  const running: string[] = [];
  const done = new Map<string, Value>();
  const equationValue = (name: string, environment: Environment): Value | null => {
    const before = done.get(name);
    if (before) return before;
    const equation = equations.get(name);
    if (!equation) return null;
    if (running.includes(name)) failCycle(running.slice(running.indexOf(name)), equations, call, environment);
    const circle = equation.axes && circleOf(name, equations, isFree);
    running.push(...(circle ?? [name]));
    if (circle) for (const [n, value] of evaluateLattice(circle, lattice)) done.set(n, value);
    else {
      const own = { ...body, path: equationPath(call.path, name, equation.span.start) };
      const left = leftAxes(equation, body);
      const value = evaluateUnrolled(equation.value, left, own);
      done.set(
        name,
        left.length === 0
          ? value
          : shaped(asTensor(value, own, equation.value.span), left, body, equation.span),
      );
    }
    running.length -= circle?.length ?? 1;
    return done.get(name)!;
  };
  const stateOf = (name: string, steps: number, span: Span): Tensor => {
    const recurrence = call.recurrence!;
    const declaration = states.get(name);
    const key = `${call.path.name}.${name}${steps === 1 ? "" : `@${steps}`}`;
    const formal = readState(
      {
        key,
        declared: declaration ? declaredAxes(declaration.axes, scope) : null,
        span: declaration?.span ?? span,
        start: declaration?.start
          ? () =>
              asTensor(
                evaluate(declaration.start!, {
                  ...scope,
                  recurrence: null,
                  lookup: (n) => parameterValue(n) ?? scope.lookup(n),
                }),
                scope,
                declaration.start!.span,
              )
          : null,
        next: () =>
          steps === 1 ? asTensor(equationValue(name, body)!, body, span) : stateOf(name, steps - 1, span),
      },
      recurrence,
      scope,
    );
    const dropped =
      steps === 1 && name === returnedName(definition)
        ? droppedState(formal, key, recurrence, scope)
        : formal;
    const own = tensor(dropped);
    return {
      ...own,
      axes: own.axes.filter((a) => !recurrence.carried.includes(a.axis)),
      origin: { file: scope.file, span: declaration?.span ?? span },
    };
  };

  const made = madeAxes(definition.body);
  const axisNames = new Map<string, Tensor>();
  /** What an axis is called that the body itself makes: its positions. */
  const axisValue = (name: string): Tensor | null => {
    const entry = made.get(name);
    if (entry && !axisNames.has(name)) axisNames.set(name, madeAxis(entry, { ...body, recurrence: null }));
    return axisNames.get(name) ?? null;
  };
  const readStep: Environment["readStep"] = ({ operand, indices, span }) => {
    const at = stepIndex(indices[0]!, body);
    if (!at || at.recurrence !== call.recurrence) return null;
    const value = valueAt(operand.name, at.by, span);
    return value && { value, rest: indices.slice(1) };
  };
  const valueAt = (name: string, offset: number, span: Span): Value | null => {
    const recurrence = call.recurrence!;
    const sequence = sequences.get(name);
    if (sequence) {
      if (offset > 0)
        session.looksAhead.push({
          what: `${name}[t+${offset}]`,
          axis: recurrence.axis,
          of: sequence.node,
          file: scope.file,
          span,
        });
      const formal = readElement(`${call.path.name}.${name}`, sequence.node, -offset, recurrence);
      return elementTensor(sequence, recurrence, formal);
    }
    if (!equations.has(name)) {
      if (states.has(name)) fail(scope, "state-without-equation", states.get(name)!.span, { name });
      return null;
    }
    if (offset === 0) return equationValue(name, body);
    const steps = recurrence.reverse === recurrence.backward ? -offset : offset;
    if (steps < 0) fail(scope, "two-directions", span, { name });
    if (steps > furthestStep)
      fail(scope, "size-too-large", span, { what: "This step", size: steps, limit: furthestStep });
    return stateOf(name, steps, span);
  };
  const body: Environment = {
    ...scope,
    lookup: (name) =>
      bindings.get(name) ??
      parameterValue(name) ??
      equationValue(name, body) ??
      axisValue(name) ??
      capture(closure.lookup(name)),
    readStep,
    names: () => [...bindings.keys(), ...equations.keys(), ...made.keys(), ...closure.names()],
  };
  /** In a cell, what reads another step reads a state. */
  const isFree = ({ indices }: { readonly indices: readonly Expression[] }): boolean =>
    definition.kind === "cell" && ownName(indices[0]!) === "t";
  const lattice: Lattice = {
    equations,
    environment: body,
    path: call.path,
    running: [],
    lives: !scope.inLoss && call.recurrence === null,
    failCycle: (names) => failCycle(names, equations, call, body),
  };
  const parameters = new Map<string, Value>();
  const parameterValue = (name: string): Value | null => {
    const before = parameters.get(name);
    if (before) return before;
    const statement = definition.body.find((s) => s.kind === "param" && s.name.name === name);
    if (statement?.kind !== "param") return null;
    const value = learnedTensor(statement, { ...body, recurrence: null });
    parameters.set(name, value);
    return value;
  };
  /** A body sees an outer whole value that runs along its own axis under another axis of the same length. */
  const capture = (value: Value | null): Value | null =>
    call.recurrence ? captured(value, call.recurrence, scope) : value;
  const views: Views = new Map();
  for (const [name, value] of call.options) bindings.set(name, capture(value)!);
  for (const option of definition.options ?? []) {
    const given = bindings.get(option.name.name);
    if (option.axes && given?.kind === "tensor")
      bindings.set(option.name.name, viewed(given, option, bindings, scope, call, views));
  }

  // Inputs: in a cell, this step's element; else the whole value under the names its parameter gives to its axes.
  definition.inputs.forEach((parameter, k) => {
    const given = call.inputs[k];
    if (!given) return;
    const { recurrence } = call;
    if (recurrence && build.hasAxis(given.node, recurrence.axis)) {
      sequences.set(parameter.name.name, given);
      const formal = readElement(`${call.path.name}.${parameter.name.name}`, given.node, 0, recurrence);
      bindings.set(parameter.name.name, { ...elementTensor(given, recurrence, formal) });
    } else bindings.set(parameter.name.name, viewed(given, parameter, bindings, scope, call, views));
  });

  const returned = definition.body.find((s) => s.kind === "return");
  const predicted = definition.body.find((s) => s.kind === "predict");
  // The statement was reported where it stands.
  if (returned?.kind !== "return") throw new Fault(null, definition.name.span);
  const result = ({ value }: { readonly value: Expression }): Tensor =>
    unviewed(asTensor(evaluate(value, body), body, value.span), views);
  return {
    value: result(returned),
    prediction: predicted?.kind === "predict" ? () => result(predicted) : null,
  };
}

function elementTensor(
  sequence: Tensor,
  recurrence: Recurrence,
  formal: Parameters<typeof tensor>[0],
): Tensor {
  return {
    ...sequence,
    node: formal,
    ends: null,
    axes: sequence.axes.filter((a) => a.axis !== recurrence.axis),
  };
}

/** The state that a cell's output is: `h` of `return h`. */
function returnedName(definition: DefinitionStatement): string | null {
  const returned = definition.body.find((s) => s.kind === "return");
  return returned?.kind === "return" && returned.value.kind === "name" ? returned.value.name : null;
}

/** Recurrent dropout (Gal & Ghahramani 2016): what a cell reads of its last output, through one mask a sequence. */
function droppedState(formal: Node, key: string, recurrence: Recurrence, environment: Environment): Node {
  const p = recurrence.dropout;
  if (p === 0 || !environment.session.mode.training) return formal;
  const draw = build.random(
    "uniform",
    placeOf("recurrent dropout", key, { start: 0, end: 0 }),
    formal.type.axes,
  );
  const scaled = build.mul(formal, build.constant(1 / (1 - p)));
  return build.select(
    build.binary("lt", draw, build.constant(1 - p)),
    scaled,
    build.broadcast(build.constant(0), formal.type.axes),
  );
}

function stateDeclarations(body: readonly BodyStatement[]): ReadonlyMap<string, StateDeclaration> {
  return new Map(
    body.flatMap((s) => (s.kind === "state" ? s.states.map((d) => [d.name.name, d] as const) : [])),
  );
}

/** The circle, each equation at its place. */
function failCycle(
  names: readonly string[],
  equations: ReadonlyMap<string, Equation>,
  call: BodyCall,
  environment: Environment,
): never {
  const { definition } = call.definition;
  const [first] = names as [string];
  const cell = definition.kind === "cell";
  fail(
    environment,
    "cycle",
    equations.get(first)!.span,
    {
      cycle: [...names, first].map((n) => `\`${n}\``).join(" needs "),
      step: cell ? " at the same step" : "",
      way: cell
        ? `Read the last step's value somewhere in the circle: \`${names[names.length - 1]}[t-1]\`.`
        : `Give the new value a name of its own; only in a \`cell\` has a name a value for each step.`,
    },
    names.slice(1).map((n) => ({
      message: `\`${n}\` in turn:`,
      file: environment.file,
      span: equations.get(n)!.span,
    })),
  );
}

export function openChild(environment: Environment, name: Identifier | string): Path {
  return childPath(environment.session, environment.path, typeof name === "string" ? name : name.name);
}
