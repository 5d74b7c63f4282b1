/**
 * What the compiler emits for a GPU, as data: shaders as text, and for each entry the order of their runs. Written by
 * `backends/tfjs`, read by `webgpu.ts` and `webgl.ts`. Types alone.
 */
import type { ExtentInfo } from "../metadata.ts";

/** A product of run-time sizes times a constant, in elements of 4 bytes. */
export interface TermInfo {
  readonly factor: number;
  readonly symbols: readonly string[];
}

/** The runs of an entry in their order. A loop's variable is the next of the numbers that the runs in it are given. */
export type Step<Run> =
  | { readonly kind: "run"; readonly run: Run }
  | {
      readonly kind: "loop";
      readonly extent: ExtentInfo;
      readonly reverse: boolean;
      readonly body: readonly Step<Run>[];
    };

export interface Entry<Run> {
  readonly steps: readonly Step<Run>[];
  /** Buffers that the caller writes and the entry reads. */
  readonly inputs: readonly string[];
}

export type Entries<Run> = Readonly<Record<string, Entry<Run>>>;

// ---- WebGPU ---------------------------------------------------------------------------------------------------

/**
 * All memory is one storage buffer, laid out by the plan's slots: binding 0. Binding 1 is a uniform `array<vec4<i32>>`:
 * the bits of infinity, the sizes in the order of the program's symbols, then the base of each slot of varying size.
 * Binding 2, at a dynamic offset, is the step: a `vec4<i32>` of the loops' variables, outermost first.
 */
export interface WebgpuProgram {
  /** Constant sizes first; a slot starts where the one before it ends, rounded up to `slotAlignment`. */
  readonly slots: readonly (readonly TermInfo[])[];
  readonly shaders: readonly { readonly name: string; readonly code: string }[];
  readonly entries: Entries<Dispatch>;
}

/** In elements. */
export const slotAlignment = 64;

/** As many workgroups as the product of the extents, divided by `each` and rounded up. */
export interface Dispatch {
  readonly shader: number;
  readonly points: readonly ExtentInfo[];
  readonly each: number;
}

// ---- the whole --------------------------------------------------------------------------------------------------

/** The WASM module that draws the first weights, on the host: what it works on lies in these slots of its own. */
export interface InitialiserInfo {
  /** Base64. */
  readonly wasm: string;
  readonly parameters: number;
  readonly counters: number;
}

export interface TfjsProgram {
  /** In the names of kernels: two models never meet. */
  readonly hash: string;
  readonly webgpu: WebgpuProgram;
  readonly initialiser: InitialiserInfo | null;
}
