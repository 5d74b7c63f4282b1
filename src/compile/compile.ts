/**
 * The compiler, read once from top to bottom: text to AST, AST to graph, graph through the passes to a kernel
 * program, kernel program to a module. Pure: what it reads comes in by `imports`, what it writes goes out as bytes.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import { nodesOf } from "../ir/graph/walk.ts";
import { elaborate, type Model, type Source } from "../elaborate/program.ts";
import { parse } from "../parser/parse.ts";
import { compileKernels } from "../passes/kernel-pipeline.ts";
import { peakBytes } from "../passes/plan-memory.ts";
import { standardLibrary } from "../std/library.ts";
import { version } from "../version.ts";
import { assemble } from "./assemble.ts";
import { makeEntries } from "./entries.ts";
import { makeMetadata } from "./metadata.ts";
import { makeStages } from "./stages.ts";
import type { Compilation, CompileOptions } from "./types.ts";

export type { Compilation, CompileOptions } from "./types.ts";

/** The front end alone: what a program means, or what is wrong with it. */
export function check(source: string, file: string, options: CompileOptions = {}): Checked {
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
  const imported = new Map<string, Source | null>();
  const imports = (path: string, from: string): Source | null => {
    const found = options.imports?.(path, from) ?? null;
    if (!found) return null;
    const before = imported.get(found.file);
    if (before !== undefined) return before;
    const made = read(found.source, found.file);
    imported.set(found.file, made);
    return made;
  };
  // Statements with a syntax error are left out, so what the rest says about their names would mislead.
  if (diagnostics.some((d) => d.severity === "error")) return { diagnostics, sources, model: null, main };
  const dims = new Map(Object.entries(options.dims ?? {}));
  for (const [name, words] of Object.entries(options.vocabularies ?? {})) dims.set(name, words.length);
  const model = elaborate(
    main,
    { dims, assume: options.assume ?? false, library: standardLibrary(), imports },
    diagnostics,
  );
  if (model) reportUntrained(model, file, diagnostics);
  const failed = diagnostics.some((d) => d.severity === "error");
  return { diagnostics, sources, model: failed ? null : model, main };
}

export interface Checked {
  readonly diagnostics: Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
  readonly model: Model | null;
  readonly main: Source;
}

export async function compile(
  source: string,
  file: string,
  options: CompileOptions = {},
): Promise<Compilation> {
  const stages = makeStages(options.emit ?? []);
  const { diagnostics, sources, model, main } = check(source, file, options);
  const failed: Compilation = { diagnostics, sources, wasm: null, metadata: null, stages: stages.texts };
  stages.ast(main.program);
  if (!model) return failed;
  stages.graph("graph", model.graph);

  const without = new Set(options.without ?? []);
  const entries = makeEntries(model, { without, observe: (entry, stage) => stages.pass(entry, stage) });
  const parts = assemble(model.graph.name, entries, model.train);
  const program = compileKernels(parts.program, { without, observe: stages.kernels });
  const memory = peakBytes(program.plan!);
  stages.text("memory", memory);

  // Binaryen is large: it is loaded only when code is emitted.
  const { emit } = await import("../backends/wasm/emit.ts");
  const wasm = emit(program);
  if (stages.wants("wat")) stages.text("wat", emit(program, { text: true }));
  const metadata = makeMetadata({
    model,
    parts,
    program,
    version,
    memory,
    vocabularies: options.vocabularies ?? {},
  });
  return { diagnostics, sources, wasm, metadata, stages: stages.texts };
}

/** A parameter that no loss depends on would stay at its start. */
function reportUntrained(model: Model, file: string, diagnostics: Diagnostic[]): void {
  if (!model.hasLoss) return;
  const losses = model.graph.outputs.filter((o) => o.role === "loss");
  const trained = new Set(
    nodesOf({ ...model.graph, outputs: losses }, "param").map((p) => p.attributes.name),
  );
  const reporter = makeReporter(file, diagnostics);
  for (const { name } of model.parameters)
    if (!trained.has(name)) reporter.report("unused-parameter", { start: 0, end: 0 }, { name });
}
