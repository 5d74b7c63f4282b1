/** One run of elaboration: a session, the standard library around the program, its statements in order. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Node } from "../ir/graph/types.ts";
import type { Program } from "../parser/ast.ts";
import { Fault, rootPath, type Environment, type Mode, type Session } from "./environment.ts";
import { makeSizes, type Sizes } from "./sizes.ts";
import { define, runStatements, type Scope } from "./statements.ts";
import type { Value } from "./values.ts";

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
  /** Whether the results as they are in training, with dropout, stand among the outputs as `apply:NAME`. */
  readonly trainingResults?: boolean;
}

export interface Run {
  readonly session: Session;
  readonly sizes: Sizes;
  readonly diagnostics: Diagnostic[];
}

export function runOnce(
  source: Source,
  options: ElaborateOptions,
  known: ReadonlyMap<string, number>,
  siblings: ReadonlyMap<string, number>,
  mode: Mode,
  shared: Pick<Session, "parameters" | "axes"> = { parameters: new Map(), axes: new Map() },
  choices: ReadonlyMap<string, Node> = new Map(),
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
    sampled: { wanted: new Set(), given: choices, found: new Map() },
    fedBack: new Map(),
    looksAhead: [],
    spellings: new Map(),
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
    inLoss: false,
    recurrence: null,
    lastStage: null,
    lookup: (name) => {
      // What failed was reported where it stands.
      if (failed.has(name)) throw new Fault(null, { start: 0, end: 0 });
      return bindings.get(name) ?? outer.map((frame) => frame.get(name)).find((v) => v !== undefined) ?? null;
    },
    readStep: () => null,
    names: () =>
      [...bindings.keys(), ...outer.flatMap((frame) => [...frame.keys()])].filter((n) => !n.includes(" ")),
  };
}
