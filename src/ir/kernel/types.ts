/**
 * The kernel program: buffers, loops, and kernels as scalar expressions of their index.
 *
 * A backend knows only this: how to store a scalar expression at every point of a domain, reduce one along loops,
 * and one routine, `product`. No graph op is left. An element that a kernel stores depends on its own index alone
 * (but for accumulating stores), so WebGL can pull it, WASM can vectorise it, and inlining a producer
 * into its consumer is substitution.
 *
 * Invariant: the padding lanes of every buffer (see `Buffer`) hold zero before and after every statement.
 */

// ---- sizes --------------------------------------------------------------------------------------------------

/** A run-time size: `B` the number of examples, or an axis's longest length in the batch. */
export type SizeSymbol = string;

/**
 * `times * symbol + plus`, or `plus` alone where the symbol is null; divided by `by` (1 if not given) and rounded down.
 * Never below 0.
 */
export interface Extent {
  readonly symbol: SizeSymbol | null;
  readonly times: number;
  readonly plus: number;
  readonly by?: number;
}

// ---- buffers ------------------------------------------------------------------------------------------------

export type DType = "f32" | "i32";

/**
 * `parameter`, `gradient`, `moment` persist and share one layout; `state` persists between calls (carried states,
 * counters, settings); `input` is written and `output` read by the caller; a `temporary` lives within one entry.
 */
export type BufferRole = "parameter" | "gradient" | "moment" | "state" | "input" | "output" | "temporary";

/**
 * Elements in `dims` order, outermost first. The trailing dims of fixed extent form a *row*; the innermost of them
 * is padded to a multiple of 4 with zeros, and `rowStride` elements lie from one row to the next (the product of
 * the padded row, plus 16 where that is a multiple of 128 elements and there may be many rows). Symbolic dims are
 * never padded. A bool is an i32 of 0 or 1.
 *
 * Layout `panels` is for weights: dims are split into rows (`dims.length - columns` leading ones, K elements
 * flattened, unpadded) and columns (the `columns` trailing ones, innermost padded to 4, N flattened); element (k, n)
 * lies at `((n >> 3) * K + k) * 8 + (n & 7)`; the last panel is padded with zeros to 8 columns.
 */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly Extent[];
  readonly layout:
    | { readonly kind: "rows"; readonly rowStride: number }
    | { readonly kind: "panels"; readonly columns: number };
  readonly role: BufferRole;
  /** A part of another buffer, `offset` elements in: each parameter lies within the flat buffer of all. */
  readonly within: { readonly buffer: Buffer; readonly offset: number } | null;
}

// ---- expressions --------------------------------------------------------------------------------------------

export interface Variable {
  readonly name: string;
}

/** `extent` steps of a variable from 0. */
export interface Loop {
  readonly variable: Variable;
  readonly extent: Extent;
}

/**
 * Scalar functions of one operand. `sigmoid`, `tanh`, `softplus` are primitives because their stable forms and
 * their gradients (from the result) are. `float` casts i32 and bool to f32, `int` truncates f32 to i32,
 * `step` is 1 where x > 0, else 0 (the gradient of relu).
 */
export type UnaryFunction =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "abs"
  | "sign"
  | "floor"
  | "sin"
  | "cos"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "step"
  | "not"
  | "float"
  | "int";

/** Operands have one dtype. Comparisons give bool. `mod` is never negative for a positive divisor; `and`/`or` are of bools. */
export type BinaryFunction =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "pow"
  | "mod"
  | "max"
  | "min"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "eq"
  | "ne"
  | "and"
  | "or";

/** Over nothing: sum 0, prod 1, max and logsumexp -inf, argmax 0. Ties of argmax: the lowest index. */
export type ReduceFunction = "sum" | "prod" | "max" | "logsumexp" | "argmax";

/**
 * Scalar expressions, shared by identity: one object is computed once per point. `bool` exists only within
 * expressions (a load of an i32 that means a bool is compared with 0). Integer `div` truncates, `mod` is never
 * negative for a positive divisor. A load's index lies inside its buffer: whoever makes an
 * expression clamps what may be outside, since a `select` may compute both its sides.
 */
export type Expression =
  | { readonly kind: "constant"; readonly dtype: DType | "bool"; readonly value: number }
  /** i32: a loop's variable. */
  | { readonly kind: "variable"; readonly dtype: "i32"; readonly variable: Variable }
  /** i32: a run-time size. */
  | { readonly kind: "extent"; readonly dtype: "i32"; readonly extent: Extent }
  | { readonly kind: "load"; readonly dtype: DType; readonly from: Access }
  | {
      readonly kind: "unary";
      readonly dtype: DType | "bool";
      readonly fn: UnaryFunction;
      readonly operand: Expression;
    }
  | {
      readonly kind: "binary";
      readonly dtype: DType | "bool";
      readonly fn: BinaryFunction;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "select";
      readonly dtype: DType | "bool";
      readonly condition: Expression;
      readonly then: Expression;
      readonly else: Expression;
    }
  /** Threefry-2x32-20 with key (seed, place) and counter (example, coordinate), both i32; see `ir/random.ts`. `seed` is an expression too. */
  | {
      readonly kind: "random";
      readonly dtype: "f32";
      readonly distribution: "uniform" | "normal";
      readonly seed: Expression;
      readonly place: number;
      readonly example: Expression;
      readonly coordinate: Expression;
    }
  /** What an earlier `reduce` stage of the same kernel found for this row. */
  | { readonly kind: "reduced"; readonly dtype: DType; readonly stage: Variable };

/** One i32 expression a dim. */
export interface Access {
  readonly buffer: Buffer;
  readonly index: readonly Expression[];
}

// ---- statements ---------------------------------------------------------------------------------------------

export type Statement = Kernel | Product | TimeLoop | Branch;

/**
 * For every point of `loops` (in any order, unless a stage accumulates): the stages, one after another. A row
 * kernel (softmax, a sum over features) has rows as `loops` and an inner loop in its stages; a pointwise kernel
 * has stores without inner loops.
 */
export interface Kernel {
  readonly kind: "kernel";
  readonly name: string;
  readonly loops: readonly Loop[];
  readonly stages: readonly Stage[];
  /** Among its loops. */
  readonly share?: Share;
}

/**
 * How threads divide a statement: the points of `loops`, taken as one loop and outermost first, in ranges that are multiples
 * of `by`, the first range for the first thread. `passes/share.ts` sees to it that no thread needs what another one
 * computes, and says where they meet.
 */
export interface Share {
  readonly loops: readonly Loop[];
  readonly by: number;
}

export type Stage = {
  readonly loops: readonly Loop[];
  readonly value: Expression;
  /** It may go over its one loop, which is that of the stage before it, together with that one: see `join-stages`. */
  readonly joins?: boolean;
} & (
  | {
      readonly kind: "store";
      readonly to: Access;
      /** Adds to what is there, in the order of the loops: the index may be computed (scatter). */
      readonly accumulate: boolean;
    }
  | {
      readonly kind: "reduce";
      readonly fn: ReduceFunction;
      readonly result: Variable;
    }
);

/**
 * `to[m, n] = start[m, n] + Σ_k left[m, k] · right[k, n]`, k ascending, one accumulator an output. The accesses'
 * indices are variables of the loops given (or of enclosing time loops) plus constants.
 *
 * Forms that a backend makes fast: *AB*: `right` in panels over (k, n), k and n whole rows of left and `to`;
 * *AᵀB*: k runs over the leading dims of left and right (rows of activations), m and n over their rows, `to` in panels
 * or rows. Anything else is correct, not fast.
 */
export interface Product {
  readonly kind: "product";
  readonly name: string;
  readonly m: readonly Loop[];
  readonly n: readonly Loop[];
  readonly k: readonly Loop[];
  readonly left: Access;
  readonly right: Access;
  readonly to: Access;
  /** Null means zeros. May be `to` itself. A bias has an index without m's variables. */
  readonly start: Access | null;
  /** All of m's loops, all of n's, or one of them. */
  readonly share?: Share;
}

/** Steps in order, or from the last to the first; the only sequential loop. */
export interface TimeLoop {
  readonly kind: "loop";
  readonly loop: Loop;
  readonly reverse: boolean;
  readonly body: readonly Statement[];
  /** Whether threads meet after each statement of its body, as they do after each of an entry; else each goes its own way. */
  readonly meets?: boolean;
}

/** `condition` depends on variables of enclosing time loops, constants and state scalars only. */
export interface Branch {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: readonly Statement[];
}

// ---- programs -----------------------------------------------------------------------------------------------

export interface Entry {
  /** `predict`, `evaluate`, `gradients`, `update`, `step`, `initialise` … */
  readonly name: string;
  readonly body: readonly Statement[];
  /** Whether it is run to train; else for inference. */
  readonly training?: boolean;
}

export interface KernelProgram {
  readonly name: string;
  readonly symbols: readonly SizeSymbol[];
  readonly buffers: readonly Buffer[];
  readonly entries: readonly Entry[];
  /** Where each buffer lies; null until plan-memory has run. */
  readonly plan: MemoryPlan | null;
  /** Axes that entries for training go through in segments. */
  readonly segmented?: readonly SegmentedAxis[];
}

/** The size `axis` is the product of `steps`, how long segments are, and `segments`, how many there are. */
export interface SegmentedAxis {
  readonly axis: SizeSymbol;
  readonly steps: SizeSymbol;
  readonly segments: SizeSymbol;
}

export type MemoryUse = "inference" | "training";

export interface MemorySlot {
  readonly size: readonly Term[];
  /** Whose temporaries and outputs alone it holds; null or left out: of both, or what is given, or of constant size. */
  readonly use?: MemoryUse | null;
}

/** A product of run-time sizes times a constant, in elements of 4 bytes; a size is a sum of them. */
export interface Term {
  readonly factor: number;
  readonly symbols: readonly SizeSymbol[];
}

/**
 * Memory is a sequence of slots, each as long as the largest of its tenants needs (all of one monomial shape).
 * Slots of constant size come first, so persistent buffers have constant addresses; then what lasts or comes and goes with a call.
 * From there on what inference alone needs and what training alone needs lie over each other. Each slot is followed by 64 bytes
 * of slack and starts at a multiple of 64.
 */
export interface MemoryPlan {
  readonly slots: readonly MemorySlot[];
  readonly slotOf: ReadonlyMap<Buffer, number>;
}
