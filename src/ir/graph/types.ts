/**
 * The graph: what a model computes, as values with named axes, before any decision about memory or order.
 *
 * A value is a dtype and a *set* of axes. An operation names the axes it works on and carries all the others
 * along; batch is one more axis that nothing mentions. Nodes are immutable and shared; a node's identity is the
 * object. `scan` is the one recurrence. The order of `type.axes` is canonical (see `axisOrder`), so that equal
 * sets are equal lists; it carries no meaning.
 *
 * Padding. A ragged axis has a length per example. What a value holds past an example's end is undefined:
 * every reduction over a ragged axis, and every reduction over the batch inside a scan, counts only what is
 * within the length. The evaluator fills padding with NaN to prove that nobody reads it.
 */
import type { BinaryFunction, ReduceFunction, UnaryFunction } from "../kernel/types.ts";

// ---- axes and types -----------------------------------------------------------------------------------------

/** Kinds in canonical order: what is scanned lies outermost, what is dense innermost. */
export const axisKinds = ["time", "batch", "named", "stack", "feature"] as const;
export type AxisKind = (typeof axisKinds)[number];

export type AxisSize =
  | { readonly kind: "fixed"; readonly size: number }
  /** The number of examples of a call. */
  | { readonly kind: "batch" }
  /** A length per example, given with the data; `within` another ragged axis, one for each of its positions. */
  | { readonly kind: "ragged"; readonly within: Axis | null }
  /**
   * A length per example that follows another axis's: `times * |of| + plus`, divided by `by` (1 if not given) and
   * rounded down; never below 0.
   */
  | {
      readonly kind: "linear";
      readonly of: Axis;
      readonly times: number;
      readonly plus: number;
      readonly by?: number;
    };

/** Identity is the object; `name` is for people and unique within a graph by construction where possible. */
export interface Axis {
  readonly name: string;
  readonly kind: AxisKind;
  readonly size: AxisSize;
  /** Position among axes of the same kind. */
  readonly order: number;
}

export type DType = "f32" | "i32" | "bool";

export interface Type {
  readonly dtype: DType | "tuple";
  /** In canonical order, without duplicates. */
  readonly axes: readonly Axis[];
}

// ---- operations ---------------------------------------------------------------------------------------------

/** The scalar functions are those of kernels: lowering changes none of them. */
export type { BinaryFunction, ReduceFunction, UnaryFunction } from "../kernel/types.ts";

export type Initialiser =
  | { readonly kind: "zeros" | "ones" | "glorot" | "he" | "orthogonal" }
  | { readonly kind: "constant"; readonly value: number }
  /** A multiple of the identity matrix. */
  | { readonly kind: "identity"; readonly scale: number }
  | { readonly kind: "normal"; readonly deviation: number }
  /** Uniform in ±bound. */
  | { readonly kind: "uniform"; readonly bound: number };

/** One learned tensor of the source. */
export interface Parameter {
  /** As the source names it: `lstm.i.Wx`. */
  readonly name: string;
  /** In the order of the source: `W[n, k]` maps k to n. */
  readonly axes: readonly Axis[];
  readonly initialiser: Initialiser;
}

/** What each op holds besides its operands. One entry an op: the whole vocabulary of the graph. */
export interface Attributes {
  // leaves
  /** A value given with each call. */
  input: { readonly name: string };
  /**
   * A learned tensor. With `members`, several parameters of one shape laid out side by side along `stack`
   * (made by merge-gates): member k lies at index k.
   */
  param: { readonly name: string; readonly members: readonly Parameter[]; readonly stack: Axis | null };
  constant: { readonly value: number };
  /** i32: the position along an axis. */
  iota: { readonly axis: Axis };
  /** i32: the length of an axis; over the batch if the axis is ragged, and over the axis that it lies within. */
  length: { readonly axis: Axis };
  /**
   * A random number, a pure function of (seed, step of training, place, example, coordinates): uniform in [0, 1) or
   * standard normal. The axes are those of the type. Along the axis of an enclosing scan the position counts as
   * a coordinate if `fresh` names the axis.
   */
  random: {
    readonly distribution: "uniform" | "normal";
    readonly place: number;
    readonly fresh: readonly Axis[];
  };

  // formals of a scan's body
  /** The carried value, as the last step (or the start) left it. */
  state: { readonly name: string };
  /** This step's element of a sequence: the sequence without the scanned axis. */
  element: { readonly name: string };
  /** i32: the position along the scanned axis (also when scanning backwards). */
  position: Record<never, never>;

  // elementwise: the operands' axes lie within one operand's axes
  unary: { readonly fn: UnaryFunction };
  binary: { readonly fn: BinaryFunction };
  /** operands: condition, then, else. What is not selected has gradient exactly 0. */
  select: Record<never, never>;

  // axes
  /** Adds axes along which the value is constant. */
  broadcast: { readonly axes: readonly Axis[] };
  rename: { readonly from: Axis; readonly to: Axis };
  /** argmax gives i32 and takes one axis. */
  reduce: { readonly fn: ReduceFunction; readonly axes: readonly Axis[] };
  /** Sum over `axes` of the product of two operands, that both have them: every matrix product, dot and weighted sum. */
  contract: { readonly axes: readonly Axis[] };
  /** Operands of equal type side by side along a new fixed axis. */
  stack: { readonly axis: Axis };
  /** The element at a constant index of a fixed axis; the axis goes. */
  pick: { readonly axis: Axis; readonly index: number };
  /** `to.size` elements of a fixed axis from `start` on; `axis` becomes `to`. */
  slice: { readonly axis: Axis; readonly start: number; readonly to: Axis };
  /** Operands one after another: operand k's axis `from[k]` becomes part of `to`. All fixed. */
  concat: { readonly from: readonly Axis[]; readonly to: Axis };
  /**
   * Zeros along `axis`, but for the operand at `start`: the adjoint of pick (`from` null) and slice. A sum of
   * disjoint places is a stack or a concat.
   */
  place: { readonly axis: Axis; readonly start: number; readonly from: Axis | null };
  /** operands: table, indices (i32). The element of `axis` at the index; shared axes are matched; outside: 0. */
  gather: { readonly axis: Axis };
  /** operands: indices, updates. Zeros along the new `axis`, plus every update at its index, summed over `over`: the adjoint of gather. */
  scatter: { readonly axis: Axis; readonly over: readonly Axis[] };
  /** y[t] = x[t - by]; outside the (example's own) length: the filler. */
  shift: { readonly axis: Axis; readonly by: number; readonly filler: number };
  /** Backwards within the true length. */
  reverse: { readonly axis: Axis };

  // recurrence
  /**
   * For each position of `axis` (backwards if `reverse`): from the states and this step's elements, the next states
   * and outputs. Operands: the starts of the states, then the sequences of the elements. Past an example's end a
   * state holds, and an output is padding; so a final state is the one after the example's own last step.
   * A body may use outer values as they are (captures), but none that has the scanned axis.
   */
  scan: {
    readonly axis: Axis;
    readonly reverse: boolean;
    readonly position: Node<"position">;
    readonly states: readonly ScanState[];
    readonly elements: readonly Node<"element">[];
    readonly outputs: readonly Node[];
  };
  /** operand: a scan. A state after the last step, or an output of all steps with the scanned axis. */
  result: { readonly part: "final" | "output"; readonly index: number };

  /** The operand; its gradient is 0. */
  stop: Record<never, never>;
}

export interface ScanState {
  readonly formal: Node<"state">;
  readonly next: Node;
}

export type Op = keyof Attributes;

/** Distributes over the ops, so that `node.op === "scan"` narrows the attributes. */
export type Node<K extends Op = Op> = K extends Op
  ? {
      readonly op: K;
      readonly operands: readonly Node[];
      readonly attributes: Attributes[K];
      readonly type: Type;
      /** What the source calls it, for people. */
      readonly label?: string;
    }
  : never;

// ---- graphs -------------------------------------------------------------------------------------------------

/**
 * What a root is for: `predict` a named result, `loss` the scalar to minimise (mean over the batch), `metric` a scalar to report, `gradient`
 * of the parameter named, `carry` the value that a state's persistent buffer takes at the end of the call.
 */
export type Role = "predict" | "loss" | "metric" | "gradient" | "carry";

export interface Output {
  readonly name: string;
  readonly role: Role;
  readonly value: Node;
}

export interface Graph {
  readonly name: string;
  readonly outputs: readonly Output[];
}
