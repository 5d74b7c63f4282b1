/** `rnnc check`: everything that can be wrong with a program, without writing anything. */
import { type Command } from "commander";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { SourceFile } from "../compile-file.ts";
import { Failure, misuse } from "../failure.ts";
import type { ProgramFlow } from "../gradient-pictures.ts";
import { plural, say, sayJson, tell } from "../output.ts";
import {
  dimOption,
  jsonOption,
  svgFile,
  twoWeights,
  wholeNumber,
  type Sizes,
  type WeightRange,
} from "../options.ts";

interface CheckOptions {
  readonly dim?: Sizes;
  readonly gradients?: boolean;
  readonly flow?: string;
  readonly surface?: readonly [WeightRange, WeightRange];
  readonly output?: string;
  readonly length?: number;
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
    .option(
      "--flow <FILE.svg>",
      "draw how much of the loss's gradient reaches each step, of all programs in one picture",
      svgFile,
    )
    .option(
      "--surface <W1,W2>",
      "draw the loss over two weights: w,b or cell.W[0,1]=-2:2,cell.b[3]",
      twoWeights,
    )
    .option("-o, --output <FILE.svg>", "the file for --surface (default: NAME.surface.svg)", svgFile)
    .option(
      "--length <N>",
      "steps of the made sequences for --flow and --surface (default: 100)",
      wholeNumber(2),
    )
    .addOption(jsonOption())
    .action(check);
}

async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  refuseMisuse(files, options);
  const { readImport, readSource, showDiagnostics } = await import("../compile-file.ts");
  const { check: examine } = await import("../../compile/check.ts");
  const { openSizes, refuseUnusedSizes } = await import("../open-sizes.ts");
  const open: string[] = [];
  const results: object[] = [];
  const flows: ProgramFlow[] = [];
  let wrong = 0;
  for (const path of files) {
    const source = readSource(path);
    const { diagnostics, sources, model, main } = examine(source.source, source.file, {
      dims: options.dim ?? {},
      assume: true,
      imports: readImport,
    });
    const errors = diagnostics.filter(({ severity }) => severity === "error").length;
    if (!options.json) showDiagnostics(diagnostics, sources);
    if (model) open.push(...openSizes(model, main.program));
    const closer = errors === 0 ? await lookCloser(source, options) : nothingCloser;
    const ok = errors === 0 && closer.ok;
    if (!ok) wrong++;
    if (closer.flow) flows.push(closer.flow);
    results.push({
      file: source.file,
      ok,
      diagnostics: await Promise.all(diagnostics.map((diagnostic) => located(diagnostic, sources))),
      ...closer.json,
    });
    if (options.json) continue;
    const verdict = errors > 0 ? plural(errors, "error") : ok ? "good" : "wrong gradients";
    const warnings = diagnostics.length - errors;
    say(`${source.file}: ${verdict}${warnings > 0 ? ` (${plural(warnings, "warning")})` : ""}`);
    for (const text of closer.texts) say(text);
  }
  if (options.json) sayJson(results);
  if (options.flow !== undefined && flows.length > 0) {
    const { drawFlows } = await import("../gradient-pictures.ts");
    await drawFlows(options.flow, flows);
    tell(`wrote ${options.flow}`);
  }
  if (wrong > 0) throw new Failure("");
  refuseUnusedSizes("--dim", options.dim ?? {}, open);
}

function refuseMisuse(files: readonly string[], { flow, surface, output, length }: CheckOptions): void {
  if (surface !== undefined && files.length > 1) throw misuse("`--surface` draws one program at a time.");
  if (output !== undefined && surface === undefined)
    throw misuse("`--output` names the picture of `--surface`, which is not asked for.");
  if (length !== undefined && flow === undefined && surface === undefined)
    throw misuse("`--length` is for `--flow` and `--surface`, and neither is asked for.");
}

/** What is asked of a program without errors, beyond that it has none. */
interface Closer {
  readonly ok: boolean;
  readonly texts: readonly string[];
  readonly json: object;
  readonly flow: ProgramFlow | null;
}

const nothingCloser: Closer = { ok: true, texts: [], json: {}, flow: null };

async function lookCloser(source: SourceFile, options: CheckOptions): Promise<Closer> {
  const { gradients, surface, dim: dims = {}, length } = options;
  let found = nothingCloser;
  if (gradients) {
    const { compareGradients } = await import("../compare-gradients.ts");
    const { ok, rows, text } = await compareGradients(source, dims);
    found = { ...found, ok, texts: [text], json: { gradients: rows } };
  }
  if (options.flow === undefined && surface === undefined) return found;
  const { drawSurface, flowOf, flowTable } = await import("../gradient-pictures.ts");
  const settings = { dims, ...(length === undefined ? {} : { length }) };
  if (options.flow !== undefined) {
    const flow = await flowOf(source, settings);
    const json = { ...found.json, flow: flow.states };
    found = { ...found, texts: [...found.texts, flowTable(flow.states)], json, flow };
  }
  if (surface !== undefined) {
    const { modelName } = await import("../compile-file.ts");
    const output = options.output ?? `${modelName(source.file)}.surface.svg`;
    await drawSurface(source, surface, output, settings);
    tell(`wrote ${output}`);
  }
  return found;
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
