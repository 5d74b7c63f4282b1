/** `rnnc check`: everything that can be wrong with a program, without writing anything. */
import { type Command } from "commander";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { Failure } from "../failure.ts";
import { plural, say, sayJson } from "../output.ts";
import { dimOption, jsonOption, type Sizes } from "../options.ts";

interface CheckOptions {
  readonly dim?: Sizes;
  readonly gradients?: boolean;
  readonly json?: boolean;
}

export function addCheck(program: Command): void {
  program
    .command("check")
    .summary("find what is wrong with programs")
    .description("Parses programs, infers every shape, and prints what is wrong with them.")
    .argument("<FILE...>", "programs, or -")
    .addOption(dimOption())
    .option(
      "--gradients",
      "compare each parameter's gradient with finite differences, and the module's with both",
    )
    .addOption(jsonOption())
    .action(check);
}

async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const { readImport, readSource, showDiagnostics } = await import("../compile-file.ts");
  const { check: examine } = await import("../../compile/check.ts");
  const results: object[] = [];
  let wrong = 0;
  for (const path of files) {
    const source = readSource(path);
    const { diagnostics, sources } = examine(source.source, source.file, {
      dims: options.dim ?? {},
      assume: true,
      imports: readImport,
    });
    const errors = diagnostics.filter(({ severity }) => severity === "error").length;
    const warnings = diagnostics.length - errors;
    if (!options.json) showDiagnostics(diagnostics, sources);
    const gradients = errors === 0 && options.gradients ? await gradientsOf(source, options) : null;
    const ok = errors === 0 && (gradients?.ok ?? true);
    if (!ok) wrong++;
    results.push({
      file: source.file,
      ok,
      diagnostics: await Promise.all(diagnostics.map((diagnostic) => located(diagnostic, sources))),
      ...(gradients === null ? {} : { gradients: gradients.rows }),
    });
    if (options.json) continue;
    const tail = warnings > 0 ? ` (${plural(warnings, "warning")})` : "";
    say(
      errors > 0
        ? `${source.file}: ${plural(errors, "error")}${tail}`
        : `${source.file}: ${ok ? "good" : "wrong gradients"}${tail}`,
    );
    if (gradients !== null) say(gradients.text);
  }
  if (options.json) sayJson(results);
  if (wrong > 0) throw new Failure("");
}

async function gradientsOf(source: { file: string; source: string }, options: CheckOptions) {
  const { compareGradients } = await import("../compare-gradients.ts");
  return compareGradients(source, options.dim ?? {});
}

/** With lines and columns, which is what tools want. */
async function located(diagnostic: Diagnostic, sources: ReadonlyMap<string, string>): Promise<object> {
  const { locate } = await import("../../diagnostics/render.ts");
  const place = (file: string, offset: number) => {
    const { line, column } = locate(sources.get(file) ?? "", offset);
    return { line, column };
  };
  const { code, severity, message, file, span, hint, notes } = diagnostic;
  return {
    code,
    severity,
    message,
    file,
    start: place(file, span.start),
    end: place(file, span.end),
    hint,
    notes: notes.map((note) => ({
      message: note.message,
      file: note.file,
      start: note.span === null ? null : place(note.file, note.span.start),
    })),
  };
}
