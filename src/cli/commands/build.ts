/** `rnnc build`: a program as a package, or one of the compiler's stages as text. */
import { join } from "node:path";
import { Option, type Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { lengthOption, lengthsOf } from "../lengths.ts";
import {
  dimOption,
  jsonOption,
  vocabOption,
  withoutOption,
  type Assignments,
  type Sizes,
} from "../options.ts";
import { choiceText, maxMemoryOption, recomputeOption, type MemoryOptions } from "../recompute.ts";
import { colorsFor, formatBytes, say, sayJson, table } from "../output.ts";
import type { CompileOptions } from "../../compile/types.ts";
import type { SourceFile } from "../compile-file.ts";
import type { Metadata, PeakMemory } from "../../runtime/metadata.ts";
import { peakBytes } from "../../runtime/peak-bytes.ts";
import { inSegments } from "../../runtime/segments.ts";

interface BuildOptions extends MemoryOptions {
  readonly output?: string;
  readonly dim?: Sizes;
  readonly vocab?: Assignments;
  readonly length?: Sizes;
  readonly weights?: string;
  readonly singleFile?: boolean;
  readonly emit?: string;
  readonly without?: readonly string[];
  readonly target?: "wasm" | "tfjs";
  readonly relaxedSimd?: boolean;
  readonly threads?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

const targetOption = (): Option =>
  new Option("--target <TARGET>", "what runs the model: a WebAssembly module, or an app's tfjs")
    .choices(["wasm", "tfjs"])
    .default("wasm");

export function addBuild(program: Command): void {
  program
    .command("build")
    .summary("compile a program into a package")
    .description(
      "Compiles a program into a package: a WebAssembly module, or shaders for tfjs, with JavaScript, types, metadata, weights.",
    )
    .argument("<FILE>", "the program, or -")
    .option("-o, --output <DIR>", "the folder to write into (default: the program's name)")
    .addOption(targetOption())
    .addOption(dimOption())
    .addOption(vocabOption())
    .addOption(lengthOption())
    .addOption(recomputeOption())
    .addOption(maxMemoryOption())
    .option("--weights <FILE>", "put these weights into the package (safetensors, names as in the program)")
    .option("--single-file", "one JavaScript file with everything in it")
    .option(
      "--relaxed-simd",
      "products by fused multiply-add where there is one: faster, but the last bits are the machine's",
    )
    .option("--threads", "for several threads over shared memory, where there is any: the bits are the same")
    .option(
      "--emit <STAGE>",
      "print a stage of the compiler instead: ast, graph, a pass, kernels, memory, wat, wgsl, glsl",
    )
    .addOption(withoutOption())
    .option("--force", "overwrite what is no package of this program")
    .addOption(jsonOption())
    .action(build);
}

async function build(path: string, options: BuildOptions): Promise<void> {
  const { compileOrFail, modelName, readSource } = await import("../compile-file.ts");
  const { readVocabularies } = await import("../vocabulary-files.ts");
  const { checkPass } = await import("../stages.ts");
  for (const pass of options.without ?? []) checkPass(pass);
  if (options.threads && options.target === "tfjs")
    throw misuse("`--threads` is for WebAssembly modules; `--target tfjs` runs on a GPU, which has its own.");
  const source = readSource(path);
  const settings = {
    dims: options.dim ?? {},
    vocabularies: readVocabularies(options.vocab ?? {}),
    without: options.without ?? [],
    relaxedSimd: options.relaxedSimd ?? false,
    threads: options.threads ?? false,
  };
  if (options.emit !== undefined)
    return emitStage(source, options.emit, { ...settings, recompute: options.recompute });
  await refuseUnused(source, settings);
  const plain = await compileOrFail(source, settings);
  const lengths = lengthsOf(source.file, plain.metadata, options.length);
  const sizes = { B: plain.metadata.train.batch, ...lengths };
  const isAsked = options.recompute !== undefined || options.maxMemory !== undefined;
  if (isAsked && options.target === "tfjs")
    throw misuse("`--recompute` and `--max-memory` are for WebAssembly: a GPU trains without.");
  const { recompute, maxMemory } = options;
  const { metadata, wasm, ...compiled } = isAsked
    ? await compileOrFail(source, { ...settings, recompute, maxMemory, sizes })
    : plain;
  const choice = choiceText(compiled.recompute, options, sizes);
  if (metadata.entries.predict === null && metadata.entries.evaluate === null)
    throw new Failure(
      `\`${source.file}\` defines things and computes nothing, so there is nothing to build.`,
      "Another program can `import` it.",
    );
  const memory = memoryOf(metadata, lengths);
  const folder = options.output ?? modelName(source.file);
  await refuseToOverwrite(folder, metadata.name, options);
  const weights =
    options.weights === undefined ? null : await checkedWeights(options.weights, metadata, wasm);
  const { writePackage } = await import("../package-folder.ts");
  const { compileSource } = await import("../compile-file.ts");
  const forTfjs =
    options.target === "tfjs" ? await compileSource(source, { ...settings, target: "tfjs" }) : null;
  const files = await writePackage(folder, {
    metadata: forTfjs?.metadata ?? metadata,
    wasm: forTfjs ? null : wasm,
    tfjs: forTfjs?.tfjs ?? null,
    weights,
    singleFile: options.singleFile ?? false,
  });
  if (options.json)
    return sayJson({
      folder,
      files,
      memory,
      ...(isAsked ? { recompute: compiled.recompute } : {}),
      parameters: metadata.parameters.map(({ name, shape }) => ({ name, shape })),
      looksAhead: metadata.looksAhead,
    });
  const colors = colorsFor(process.stdout);
  const rows = files.map(({ name, bytes, gzipped }) => [
    join(folder, name),
    formatBytes(bytes),
    colors.dim(`${formatBytes(gzipped)} gzipped`),
  ]);
  say(table(rows));
  say(`\n${memoryText(memory)}`);
  if (choice !== null) say(`  ${choice}`);
  if (metadata.looksAhead !== null) say(`  no streaming: ${metadata.looksAhead}`);
  if (metadata.cannotGenerate !== null) say(`  no answers: ${metadata.cannotGenerate.why}`);
}

interface Memory {
  readonly sizes: Sizes;
  /** Peaks, by what the module is used for. */
  readonly inference: { readonly formula: string; readonly bytes: number };
  readonly training: { readonly formula: string; readonly bytes: number } | null;
}

function memoryOf(metadata: Metadata, lengths: Sizes): Memory {
  const { memory, train } = metadata;
  const sizes = { B: train.batch, ...lengths };
  const all = inSegments(metadata, sizes);
  const peak = (of: PeakMemory) => ({ formula: of.formula, bytes: peakBytes(of, all) });
  return { sizes, inference: peak(memory.inference), training: memory.training && peak(memory.training) };
}

function memoryText({ sizes, inference, training }: Memory): string {
  const at = Object.entries(sizes).map(([name, size]) => `${name} = ${size}`);
  const peaks = Object.entries({ inference, training }).flatMap(([use, peak]) =>
    peak ? [[`  ${use}`, formatBytes(peak.bytes), peak.formula]] : [],
  );
  return `  memory:${at.length > 0 ? ` at ${at.join(", ")}` : ""}\n${table(peaks, [0, 2])}`;
}

/** Of a program with errors they are what is said. */
async function refuseUnused(
  { file, source }: SourceFile,
  { dims, vocabularies }: Pick<CompileOptions, "dims" | "vocabularies">,
): Promise<void> {
  const [{ check }, { readImport }, { openSizes, refuseUnusedSizes }] = await Promise.all([
    import("../../compile/check.ts"),
    import("../compile-file.ts"),
    import("../open-sizes.ts"),
  ]);
  const { model, main } = check(source, file, { assume: true, imports: readImport });
  if (model === null) return;
  const open = openSizes(model, main.program);
  refuseUnusedSizes("--dim", dims ?? {}, open);
  refuseUnusedSizes("--vocab", vocabularies ?? {}, open);
}

async function emitStage(
  source: SourceFile,
  stage: string,
  settings: Parameters<typeof import("../compile-file.ts").compileOrFail>[1],
): Promise<void> {
  const { checkStage } = await import("../stages.ts");
  checkStage(stage);
  const { compileSource, programFailure, showDiagnostics } = await import("../compile-file.ts");
  const { diagnostics, sources, stages } = await compileSource(source, {
    ...settings,
    assume: true,
    emit: [stage],
  });
  showDiagnostics(diagnostics, sources);
  const text = stages.get(stage);
  if (diagnostics.some(({ severity }) => severity === "error"))
    throw programFailure(source.file, diagnostics);
  if (text === undefined)
    throw new Failure(
      `The program never reaches the stage \`${stage}\`.`,
      "A pass left out with `--without`, or only for training?",
    );
  say(text.trimEnd());
}

/** Files of the same package are replaced; anything else, and trained weights above all, is not ours to lose. */
async function refuseToOverwrite(folder: string, name: string, options: BuildOptions): Promise<void> {
  const { kindOf } = await import("../files.ts");
  const { packageIn } = await import("../find-package.ts");
  if (kindOf(folder) === "file") throw misuse(`\`${folder}\` is a file, not a folder.`);
  if (options.force) return;
  if (kindOf(join(folder, "checkpoints")) === "folder")
    throw new Failure(
      `\`${folder}\` holds a training; building would replace its weights.`,
      `\`-o\` names another folder${options.weights === undefined && kindOf(join(folder, `${name}.safetensors`)) === "file" ? `, \`--weights ${join(folder, `${name}.safetensors`)}\` takes its weights along` : ""}; \`--force\` overwrites.`,
    );
  const [standing] = ["wasm", "js", "d.ts", "json", "safetensors"]
    .map((ending) => join(folder, `${name}.${ending}`))
    .filter((file) => kindOf(file) !== null);
  if (standing === undefined || packageIn(folder, name) !== null) return;
  throw new Failure(
    `\`${standing}\` exists already, and is of no package.`,
    "`-o` names another folder; `--force` overwrites.",
  );
}

async function checkedWeights(
  path: string,
  metadata: Parameters<typeof import("../../runtime/load.ts").load>[0]["metadata"],
  wasm: Uint8Array,
): Promise<Uint8Array> {
  const [{ load }, { RnncError }, { readBytes }] = await Promise.all([
    import("../../runtime/load.ts"),
    import("../../runtime/errors.ts"),
    import("../files.ts"),
  ]);
  try {
    // Read by the module and written again: a checkpoint becomes plain weights, in the program's order.
    return (await load({ metadata, wasm: new Uint8Array(wasm), weights: readBytes(path) })).weights();
  } catch (error) {
    if (error instanceof RnncError) throw new Failure(`\`${path}\`: ${error.message}.`);
    throw error;
  }
}
