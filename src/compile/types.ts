/** What a compilation is given and gives. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Metadata } from "../runtime/metadata.ts";
import type { TfjsProgram } from "../runtime/tfjs/program.ts";

export interface CompileOptions {
  /** What to emit: a WASM module (the default), or shaders for the GPU backends of tfjs. */
  readonly target?: "wasm" | "tfjs";
  /** Sizes that only the data can tell: `d` of `f32[T, d]`, the `y` of an implied target. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Entries of vocabularies read from data, by the name of that data. */
  readonly vocabularies?: Readonly<Record<string, readonly string[]>>;
  /** Takes an example size where only the data could tell one: enough to check a program. */
  readonly assume?: boolean;
  /** Finds what `import "path"` names; the file it is in, and its text. */
  readonly imports?: (
    path: string,
    from: string,
  ) => { readonly file: string; readonly source: string } | null;
  /** Products by relaxed SIMD: faster where there is a fused multiply-add, and bits that depend on the machine. */
  readonly relaxedSimd?: boolean;
  /** A module for several threads over shared memory; the bits do not depend on how many there are. */
  readonly threads?: boolean;
  /** What training computes again rather than keeps, see `Recompute`; nothing, unless given. */
  readonly recompute?: Recompute;
  /** The bytes that a step of training may take: the first level of recomputation that fits is chosen, unless one is given. */
  readonly maxMemory?: number;
  /** The sizes of a step of training, `B` and lengths by axis. Default: the batch of `train { … }`, `tbptt` or 50 steps. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Passes switched off, by name. */
  readonly without?: readonly string[];
  /** Stages to print: `ast`, `graph`, a pass, `kernels`, `memory`, `wat`, `wgsl`, `glsl`. */
  readonly emit?: readonly string[];
}

export interface Compilation {
  readonly diagnostics: readonly Diagnostic[];
  /** The texts of all files read, for rendering diagnostics. */
  readonly sources: ReadonlyMap<string, string>;
  /** Null if there were errors; so is what is not of the target. */
  readonly wasm: Uint8Array | null;
  readonly tfjs: TfjsProgram | null;
  readonly metadata: Metadata | null;
  /** What training computes again, and what that costs; null if there were errors, or for the GPU. */
  readonly recompute: RecomputeChoice | null;
  /** The stages asked for, by name. */
  readonly stages: ReadonlyMap<string, string>;
}

/**
 * `gates`: of the forward pass the states are kept; products, gates and what else follows from them are computed again.
 * `segments`: only the states at every so many steps are; each segment between them runs again before its way back.
 */
export type Recompute = "none" | "gates" | "segments";

/** A step of training at a level: the peak of its memory, and the operations of its gradients. */
export interface RecomputeCost {
  readonly level: Recompute;
  readonly bytes: number;
  readonly operations: number;
}

export interface RecomputeChoice {
  readonly level: Recompute;
  /** Whether that is within `maxMemory`. */
  readonly fits: boolean;
  /** Of all levels that were tried, the one chosen last. */
  readonly costs: readonly RecomputeCost[];
}
