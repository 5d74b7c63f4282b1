/**
 * A program on the disk, compiled: reads it and what it imports, and shows what the compiler has to say. The compiler
 * itself is loaded here, when first wanted.
 */
import { basename, dirname, join } from "node:path";
import type { Compilation, CompileOptions } from "../compile/types.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { render } from "../diagnostics/render.ts";
import type { Metadata } from "../runtime/metadata.ts";
import { Failure } from "./failure.ts";
import { kindOf, readText, standardName } from "./files.ts";
import { plural, tell, wantsColor } from "./output.ts";

export interface SourceFile {
  /** As diagnostics name it. */
  readonly file: string;
  readonly source: string;
}

export interface Compiled extends Compilation {
  readonly wasm: Uint8Array;
  readonly metadata: Metadata;
}

export function readSource(path: string): SourceFile {
  return { file: path === "-" ? standardName : path, source: readText(path) };
}

/** `models/speech.rnn` is called `speech`. */
export const modelName = (file: string): string =>
  file === standardName ? "model" : basename(file).replace(/\.rnn$/u, "");

export async function compileSource(
  { file, source }: SourceFile,
  options: Omit<CompileOptions, "imports">,
): Promise<Compilation> {
  const { compile } = await import("../compile/compile.ts");
  return compile(source, file, { ...options, imports: readImport });
}

/** Compiles or fails, showing the diagnostics either way. */
export async function compileOrFail(
  source: SourceFile,
  options: Omit<CompileOptions, "imports">,
): Promise<Compiled> {
  const compilation = await compileSource(source, options);
  showDiagnostics(compilation.diagnostics, compilation.sources);
  const { wasm, metadata } = compilation;
  if (wasm === null || metadata === null) throw programFailure(source.file, compilation.diagnostics);
  return { ...compilation, wasm, metadata };
}

export function programFailure(file: string, diagnostics: readonly Diagnostic[]): Failure {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return new Failure(`\`${file}\` has ${plural(errors, "error")}.`);
}

/** After so many the rest is mostly what follows from the first, or no program at all. */
const mostShown = 20;

export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
): void {
  const color = wantsColor(process.stderr);
  for (const diagnostic of diagnostics.slice(0, mostShown))
    tell(`${render(diagnostic, sources, { color })}\n`);
  if (diagnostics.length > mostShown) tell(`… and ${diagnostics.length - mostShown} more\n`);
}

export function readImport(path: string, from: string): SourceFile | null {
  const file = join(from === standardName ? "." : dirname(from), path);
  return kindOf(file) === "file" ? { file, source: readText(file) } : null;
}
