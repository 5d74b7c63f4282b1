/**
 * The compiler, read once from top to bottom: text to AST, AST to graph, graph through the passes to a kernel
 * program, kernel program to a module. Pure: what it reads comes in by `imports`, what it writes goes out as bytes.
 */
import { compileKernels } from "../passes/kernel-pipeline.ts";
import type { Metadata } from "../runtime/metadata.ts";
import { version } from "../version.ts";
import { assemble } from "./assemble.ts";
import { check } from "./check.ts";
import { compileTfjs, shaderText } from "./compile-tfjs.ts";
import { makeEntries } from "./entries.ts";
import { makeMetadata } from "./metadata.ts";
import { defaultFile } from "./need-text.ts";
import { peakMemory } from "./peak-memory.ts";
import { makeStages } from "./stages.ts";
import type { Compilation, CompileOptions } from "./types.ts";

export type { Compilation, CompileOptions } from "./types.ts";

export async function compile(
  source: string,
  file = defaultFile,
  options: CompileOptions = {},
): Promise<Compilation> {
  const stages = makeStages(options.emit ?? []);
  const { diagnostics, sources, model, main } = check(source, file, options);
  const failed: Compilation = {
    diagnostics,
    sources,
    wasm: null,
    tfjs: null,
    metadata: null,
    stages: stages.texts,
  };
  stages.ast(main.program);
  if (!model) return failed;
  stages.graph("graph", model.graph);

  const without = new Set(options.without ?? []);
  const entries = makeEntries(model, {
    recompute: options.recompute === "gates",
    without,
    differentiable: options.target === "tfjs",
    observe: (entry, stage) => stages.pass(entry, stage),
  });
  const segments = options.recompute === "segments";
  const parts = assemble(model.graph.name, entries, model.train, segments);
  const threads = (options.threads ?? false) && options.target !== "tfjs";
  const fused = compileKernels(parts.program, {
    without,
    segments,
    threads,
    observe: stages.kernels,
  });

  // Binaryen is large: it is loaded only when code is emitted.
  const { emit, emitText } = await import("../backends/wasm/emit.ts");
  const relaxed = options.relaxedSimd ?? false;
  if (stages.wants("wat")) stages.text("wat", emitText(fused, { relaxed, threads }));
  const wasm = emit(fused, { relaxed, threads });
  const forDevice = options.target === "tfjs" ? compileTfjs(fused, wasm) : null;
  if (stages.wants("wgsl") || stages.wants("glsl")) {
    const { webgpu, webgl } = (forDevice ?? compileTfjs(fused, wasm)).tfjs;
    stages.text("wgsl", shaderText(webgpu.shaders));
    stages.text("glsl", shaderText(webgl.draws));
  }
  const program = forDevice?.program ?? fused;
  const memory = peakMemory(program);
  stages.text("memory", memoryText(memory));
  const metadata = makeMetadata({
    model,
    parts,
    program,
    version,
    memory,
    vocabularies: options.vocabularies ?? {},
  });
  const made = forDevice ? { wasm: null, tfjs: forDevice.tfjs } : { wasm, tfjs: null };
  return {
    diagnostics,
    sources,
    ...made,
    metadata: threads ? { ...metadata, threads } : metadata,
    stages: stages.texts,
  };
}

const memoryText = ({ inference, training }: Metadata["memory"]): string =>
  [`inference: ${inference.formula}`, ...(training ? [`training: ${training.formula}`] : [])].join("\n");
