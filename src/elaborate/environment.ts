/**
 * Where names are looked up, and where parameters get theirs.
 *
 * An environment is a chain of frames. A `Path` is the place of a parameter in the source (`memory.lstm.i`):
 * each textual use of a stage opens a child of the path, and identical siblings are told apart by an ordinal.
 */
import type { Axis, Node, Parameter } from "../ir/graph/types.ts";
import type { Code } from "../diagnostics/catalogue.ts";
import type { Diagnostic, Note, Reporter } from "../diagnostics/diagnostic.ts";
import type { Expression, Index, Name, Span } from "../parser/ast.ts";
import type { DataInfo } from "./data.ts";
import type { Sizes } from "./sizes.ts";
import type { Spelling } from "./paths.ts";
import type { Origin, Tensor, Value } from "./values.ts";
import type { Recurrence } from "./recurrence.ts";

// ---- one run ------------------------------------------------------------------------------------------------

/** Which of the programs of one model is being elaborated. */
export interface Mode {
  readonly training: boolean;
  /** Recurrent states start where the last call left them. */
  readonly carry: boolean;
}

/** What one run of elaboration gathers. The maps grow while it runs. */
export interface Session {
  readonly mode: Mode;
  readonly sizes: Sizes;
  /** How often each path of the previous run had each child: decides whether an ordinal is needed. */
  readonly siblings: ReadonlyMap<string, number>;
  readonly counted: Map<string, number>;
  /** By name; the same place asks again and gets the same. */
  readonly parameters: Map<
    string,
    { readonly parameter: Parameter; readonly node: Node<"param">; readonly path: Path }
  >;
  /** Final states to carry: name of the state's input to the value it takes. */
  readonly carried: Map<string, Node>;
  /** Axes by name (time and named ones) and by size (features). */
  readonly axes: Map<string, Axis>;
  readonly objectives: Objective[];
  readonly results: Map<string, Result>;
  /** Inputs and targets by name, in the order of the source, and what is derived from them. */
  readonly data: Map<string, DataInfo>;
  readonly targets: Map<string, Tensor>;
  readonly usedTargets: Set<string>;
  /** What a model that looks ahead looks with, for generators. */
  readonly looksAhead: {
    readonly what: string;
    readonly axis: Axis | null;
    /** What it reads later steps of; null: not known. */
    readonly of: Node | null;
    readonly file: string;
    readonly span: Span;
  }[];
  /** What the model itself would have chosen, by the target: as an earlier run found it, and as this one does. */
  readonly sampled: {
    /** Targets that `prev(target, sampled = p)` asks the choices of. */
    readonly wanted: Set<string>;
    readonly given: ReadonlyMap<string, Node>;
    readonly found: Map<string, Node>;
  };
  /** What `prev(…)` gives, with the data: of what is predicted it is what was chosen, so a prediction may see it. */
  readonly fedBack: Map<Node, string>;
  /** What the labels that paths spell were made of. */
  readonly spellings: Map<Node, Spelling>;
}

export interface Objective {
  /** Per example: no axes but the batch. */
  readonly value: Node;
  readonly span: Span;
  /** The net that it trains, `minimize NET : …`; null: every parameter that no other objective names the net of. */
  readonly net: NetReference | null;
}

export interface NetReference extends Origin {
  readonly name: string;
}

/** A named result of inference. */
export interface Result {
  readonly name: string;
  readonly value: Tensor;
  /** What it is, so that a runtime can decode it. */
  readonly meaning: "value" | "probabilities" | "labels";
  /** The target whose prediction it is. */
  readonly target: string | null;
  /** The input whose words stand for the entries beyond the vocabulary's. */
  readonly copies?: string;
  /** Of labels that a path spells: what a search for better ones needs. */
  readonly spelling?: Spelling | null;
  /** The statement or output layer that names it. */
  readonly origin: Origin;
}

// ---- paths --------------------------------------------------------------------------------------------------

export interface Path {
  readonly name: string;
  /** The name with every ordinal: the same in each run, whatever that run knows of siblings. */
  readonly key: string;
  readonly count: Map<string, number>;
  /** Where it stands in the source: parameters are listed in this order, not in that of their evaluation. */
  readonly order: readonly number[];
  /** The statement that it stands in, for diagnostics. */
  readonly site: Origin | null;
}

export const rootPath = (): Path => ({ name: "", key: "", count: new Map(), order: [], site: null });

/** The path of an equation: `lstm.i`. Names of equations are unique, so it needs no ordinal. */
export const equationPath = (path: Path, name: string, at: number): Path => ({
  name: join(path.name, name),
  key: join(path.key, name),
  count: new Map(),
  order: [...path.order, at],
  site: path.site,
});

/** Beyond any offset in a source, so that what stands outside equations comes after them. */
const afterEquations = 2 ** 40;

export function compareOrder(a: readonly number[], b: readonly number[]): number {
  for (let k = 0; k < Math.min(a.length, b.length); k++) if (a[k] !== b[k]) return a[k]! - b[k]!;
  return a.length - b.length;
}

export const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** Opens a child; a second child of the same name becomes `name.2`, and the first `name.1`. */
export function childPath(session: Session, path: Path, name: string): Path {
  const nth = (path.count.get(name) ?? 0) + 1;
  path.count.set(name, nth);
  const key = join(path.key, name);
  session.counted.set(key, Math.max(nth, session.counted.get(key) ?? 0));
  // What the first run has not counted yet is told apart in any case.
  const several = (session.siblings.get(key) ?? 2) > 1;
  const at = afterEquations + [...path.count.values()].reduce((a, b) => a + b, 0);
  return {
    name: join(path.name, several ? `${name}.${nth}` : name),
    key: `${key}.${nth}`,
    count: new Map(),
    order: [...path.order, at],
    site: path.site,
  };
}

// ---- frames -------------------------------------------------------------------------------------------------

export interface Environment {
  readonly session: Session;
  readonly reporter: Reporter;
  /** Where reporters of further files report to. */
  readonly diagnostics: Diagnostic[];
  readonly file: string;
  readonly path: Path;
  /** The definitions whose bodies this stands in, the outermost first: a recursion without end is refused. */
  readonly calls: readonly string[];
  /** Within a loss, also in functions that it calls: states end with the sequence. */
  readonly inLoss: boolean;
  /** The step being written down, inside a cell. */
  readonly recurrence: Recurrence | null;
  /** The last stage of the main pipeline, where a bare `softmax` is an output layer. */
  readonly lastStage: Expression | null;
  readonly lookup: (name: string) => Value | null;
  /** A name read at a step of the recurrence, `h[t-1]`, and the indices left; null where the name is not of the step. */
  readonly readStep: (expression: Index & { readonly operand: Name }) => StepRead | null;
  readonly names: () => readonly string[];
}

export interface StepRead {
  readonly value: Value;
  readonly rest: readonly Expression[];
}

/** Bindings in front of an environment. */
export function extend(
  outer: Environment,
  bindings: ReadonlyMap<string, Value>,
  changes: Partial<Environment> = {},
): Environment {
  return {
    ...outer,
    ...changes,
    lookup: (name) => bindings.get(name) ?? outer.lookup(name),
    readStep: (expression) => (bindings.has(expression.operand.name) ? null : outer.readStep(expression)),
    names: () => [...bindings.keys(), ...outer.names()],
  };
}

/** A place to show: what the library says is shown at the statement that uses it. */
export const placeIn = ({ file, path }: Environment, span: Span): Origin =>
  file.startsWith("std/") && path.site ? path.site : { file, span };

// ---- errors -------------------------------------------------------------------------------------------------

/** Thrown where a statement cannot mean anything; reported once, and elaboration goes on with the next statement. */
export class Fault extends Error {
  constructor(
    readonly code: Code | null,
    readonly span: Span,
    readonly words: Readonly<Record<string, string | number>> = {},
    readonly notes: readonly Note[] = [],
    readonly reporter: Reporter | null = null,
  ) {
    super(code ?? "follows from an earlier error");
  }
}

export function fail(
  environment: Environment,
  code: Code,
  span: Span,
  words: Readonly<Record<string, string | number>> = {},
  notes: readonly Note[] = [],
): never {
  throw new Fault(code, span, words, notes, environment.reporter);
}
