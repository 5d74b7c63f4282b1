/**
 * The compiler, read once from top to bottom: text to AST, AST to graph, graph through the passes to a kernel
 * program, kernel program to a module. Pure: what it reads comes in by `imports`, what it writes goes out as bytes.
 */
import { compileKernels } from "../passes/kernel-pipeline.ts";
import type { Metadata } from "../runtime/metadata.ts";
import { version } from "../version.ts";
import { assemble } from "./assemble.ts";
import { check } from "./check.ts";
import { chooseRecompute } from "./choose-recompute.ts";
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
  const { diagnostics, sources, model, main } = check(source, file, options);
  const stages = makeStages(options.emit ?? []);
  const failed: Compilation = {
    diagnostics,
    sources,
    wasm: null,
    tfjs: null,
    metadata: null,
    recompute: null,
    stages: stages.texts,
  };
  stages.ast(main.program);
  if (!model) return failed;
  stages.graph("graph", model.graph);

  const without = new Set(options.without ?? []);
  const device = options.target === "tfjs" || stages.wants("wgsl") || stages.wants("glsl");
  const threads = (options.threads ?? false) && !device;
  const { made, choice } = chooseRecompute(
    (recompute) => {
      const segments = recompute === "segments";
      const entries = makeEntries(model, {
        recompute: recompute === "gates",
        without,
        differentiable: options.target === "tfjs",
        observe: (entry, stage) => stages.pass(entry, stage),
      });
      const sparse = !segments && !device && !without.has("sparse-rows");
      const parts = assemble(model, entries, { segments, sparse });
      const fused = compileKernels(parts.program, {
        without,
        segments,
        device,
        threads,
        observe: stages.kernels,
      });
      return { parts, fused };
    },
    options,
    { B: model.train.batch, ...options.sizes },
    model.train.tbptt ?? undefined,
  );
  const { parts, fused } = made;

  // Binaryen is large: it is loaded only when code is emitted.
  const { emit, emitText } = await import("../backends/wasm/emit.ts");
  const relaxed = options.relaxedSimd ?? false;
  if (stages.wants("wat")) stages.text("wat", emitText(fused, { relaxed, threads }));
  const wasm = emit(fused, { relaxed, threads });
  const shaders = device ? compileTfjs(fused, wasm) : null;
  if (shaders) {
    stages.text("wgsl", shaderText(shaders.tfjs.webgpu.shaders));
    stages.text("glsl", shaderText(shaders.tfjs.webgl.draws));
  }
  const forDevice = options.target === "tfjs" ? shaders : null;
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
  const emitted = forDevice ? { wasm: null, tfjs: forDevice.tfjs } : { wasm, tfjs: null };
  return {
    diagnostics,
    sources,
    ...emitted,
    metadata: threads ? { ...metadata, threads } : metadata,
    recompute: choice,
    stages: stages.texts,
  };
}

const memoryText = ({ inference, training }: Metadata["memory"]): string =>
  [`inference: ${inference.formula}`, ...(training ? [`training: ${training.formula}`] : [])].join("\n");
