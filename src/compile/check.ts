/** The front end: what a program means, or what is wrong with it. Needs no backend. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import { objectiveEntry } from "../elaborate/objective.ts";
import { elaborate, type Model } from "../elaborate/program.ts";
import type { Source } from "../elaborate/run.ts";
import { nodesOf } from "../ir/graph/walk.ts";
import { parse } from "../parser/parse.ts";
import { split } from "../passes/split.ts";
import { standardLibrary } from "../std/library.ts";
import { leftToItself } from "./left-to-itself.ts";
import { needOptions } from "./need-options.ts";
import { defaultFile, needText } from "./need-text.ts";
import { ownerOf } from "./owners.ts";
import { reportTooLarge } from "./report-too-large.ts";
import type { CompileOptions } from "./types.ts";

export interface Checked {
  readonly diagnostics: Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
  readonly model: Model | null;
  readonly main: Source;
}

/** Fails with an `RnncError` where the arguments are none. */
export function check(source: string, file = defaultFile, options: CompileOptions = {}): Checked {
  needText(source, file);
  needOptions(options);
  const diagnostics: Diagnostic[] = [];
  const sources = new Map<string, string>([
    [file, source],
    ...standardLibrary().map((f) => [f.file, f.source] as const),
  ]);
  const read = (text: string, name: string): Source => {
    sources.set(name, text);
    const parsed = parse(text, name);
    diagnostics.push(...parsed.diagnostics);
    return { file: name, program: parsed.program };
  };
  const main = read(source, file);
  const imported = new Map<string, Source>([[file, main]]);
  const imports = (path: string, from: string): Source | null => {
    const found = options.imports?.(path, from) ?? null;
    if (!found) return null;
    const made = imported.get(found.file) ?? read(found.source, found.file);
    imported.set(found.file, made);
    return made;
  };
  // Iterating a map meets what is added meanwhile, so imports of imports are read too.
  for (const { file: from, program } of imported.values())
    for (const statement of program.statements)
      if (statement.kind === "import") imports(statement.path, from);
  // Statements with a syntax error are left out, so what the rest says about their names would mislead.
  if (diagnostics.some((d) => d.severity === "error")) return { diagnostics, sources, model: null, main };
  const dims = new Map(Object.entries(options.dims ?? {}));
  for (const [name, words] of Object.entries(options.vocabularies ?? {})) dims.set(name, words.length);
  const model = elaborate(
    main,
    {
      dims,
      assume: options.assume ?? false,
      library: standardLibrary(),
      imports,
      trainingResults: options.target === "tfjs",
    },
    diagnostics,
  );
  if (model) reportUntrained(model, file, diagnostics);
  if (model) reportTooLarge(model, file, diagnostics);
  const failed = diagnostics.some((d) => d.severity === "error");
  const own = failed ? null : model && leftToItself(model);
  return { diagnostics: distinct(diagnostics), sources, model: own, main };
}

/** A definition that is used twice has its fault once. */
function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const byPlace = new Map<string, Diagnostic>();
  for (const d of diagnostics) {
    const key = `${d.code} ${d.file} ${d.span.start} ${d.span.end} ${d.message}`;
    if (!byPlace.has(key)) byPlace.set(key, d);
  }
  return [...byPlace.values()];
}

/** A parameter that its loss does not depend on would stay at its start; an objective without parameters does nothing. */
function reportUntrained(model: Model, file: string, diagnostics: Diagnostic[]): void {
  if (model.trained.length === 0) return;
  const owner = ownerOf(model);
  const reached = new Set<string>();
  for (const [k, net] of model.trained.entries()) {
    const entry = split(model.graph, objectiveEntry("train", net))!;
    const losses = entry.outputs.filter((o) => o.role === "loss");
    const names = nodesOf({ ...entry, outputs: losses }, "param").map((p) => p.attributes.name);
    const own = names.filter((name) => owner(name) === k);
    own.forEach((name) => reached.add(name));
    if (own.length > 0 || model.trained.length === 1) continue;
    const { file: where, span } = net ?? { file, span: { start: 0, end: 0 } };
    makeReporter(where, diagnostics).report("trains-nothing", span, {
      objective: net ? `\`minimize ${net.name} : …\`` : "The objective without a net",
      what: net ? "its net has no parameters that it depends on" : "every parameter belongs to a net",
    });
  }
  const untrained = model.parameters.filter((p) => !reached.has(p.name));
  for (const site of new Set(untrained.map((p) => p.site))) {
    const names = untrained.filter((p) => p.site === site).map((p) => `\`${p.name}\``);
    const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
    const reporter = makeReporter(site?.file ?? file, diagnostics);
    reporter.report("unused-parameter", site?.span ?? { start: 0, end: 0 }, { names: shown.join(", ") });
  }
}
