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

// ---- WebGL ----------------------------------------------------------------------------------------------------

/**
 * Each buffer is a texture of single numbers. A row of it takes up `perRow` lines of `width` texels; a buffer of constant
 * size is one row.
 */
export interface TextureInfo {
  readonly name: string;
  readonly dtype: "f32" | "i32";
  readonly width: number;
  readonly perRow: number;
  /** The number of rows is their product. */
  readonly rows: readonly ExtentInfo[];
  /** Elements from one row to the next. */
  readonly stride: number;
}

/** An index that the host knows: one of the loops' variables, or a size, or neither, plus a constant. */
export interface HostIndex {
  readonly time: number | null;
  readonly extent: ExtentInfo | null;
  readonly plus: number;
}

/** The lines of a target that a draw may write: rows from the first to the last index of each outer dim, or lines. */
export type Region =
  | { readonly kind: "lines"; readonly from: number; readonly count: number }
  | {
      readonly kind: "rows";
      readonly dims: readonly {
        readonly from: HostIndex;
        readonly count: ExtentInfo;
        /** Rows from one index to the next: a product. */
        readonly step: readonly ExtentInfo[];
      }[];
    };

/**
 * A fragment shader that writes some texels of its targets. Targets that the run reads too are drawn on the side and
 * copied when all draws of the run are done; of those the shader gives all texels of the region, else it discards the
 * others. Uniforms: `sizes` (in the order of the symbols), `step` (the variables of loops), `infinity`, `top` (the line of
 * the target that is the first of what is drawn on), samplers `t0`, `t1` … by texture.
 */
export interface Draw {
  readonly name: string;
  readonly code: string;
  readonly targets: readonly number[];
  readonly reads: readonly number[];
  readonly aside: boolean;
  readonly region: Region;
}

/** Draws that see the textures as they were before the first of them. */
export interface DrawRun {
  readonly draws: readonly number[];
}

export interface WebglProgram {
  readonly textures: readonly TextureInfo[];
  readonly draws: readonly Draw[];
  readonly entries: Entries<DrawRun>;
}

// ---- the whole --------------------------------------------------------------------------------------------------

/** The WASM target's module: see `host-module.ts`. */
export interface HostModuleInfo {
  /** Base64. */
  readonly wasm: string;
  /** Where the metadata's buffers lie in the slots of that module. */
  readonly places: Readonly<Record<string, { readonly slot: number; readonly offset: number }>>;
}

export interface TfjsProgram {
  readonly webgpu: WebgpuProgram;
  readonly webgl: WebglProgram;
  readonly host: HostModuleInfo;
  /** What tells this program from all others, in the names of its kernels. */
  readonly hash: string;
}
