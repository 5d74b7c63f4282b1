/**
 * What an expression of the language means while a program is elaborated: tensors (graph nodes with the names
 * of their axes), numbers known to the compiler, sizes, functions, stages, and random draws without a shape yet.
 */
import type { Axis, Node } from "../ir/graph/types.ts";
import type { Argument, DefinitionStatement, Identifier, Span } from "../parser/ast.ts";
import type { Environment } from "./environment.ts";
import type { Recurrence } from "./recurrence.ts";

export type Value =
  | Tensor
  | NumberValue
  | BooleanValue
  | TextValue
  | Draw
  | FunctionValue
  | Stage
  | DefinitionValue
  | Finals
  | NumberList
  | Word;

/** Where something comes from, for notes in diagnostics. */
export interface Origin {
  readonly file: string;
  readonly span: Span;
}

export interface Tensor {
  readonly kind: "tensor";
  readonly node: Node;
  /**
   * The named axes that an index may use, in order, under the names they bear here; the batch and axes that a
   * function's parameter did not name are carried along and not listed.
   */
  readonly axes: readonly { readonly name: string; readonly axis: Axis }[];
  /** Of token data: how many there are and whose they are. */
  readonly vocabulary: Vocabulary | null;
  /** After `bidir`, `last` takes each direction's own end. */
  readonly ends: { readonly axis: Axis; readonly value: Tensor } | null;
  /** The place that fixed the size of the feature. */
  readonly origin: Origin | null;
  /** The positions along an axis: as an index it reads along that axis, as a number it is the position. */
  readonly index?: Axis;
  /** The step that a recurrence is at: as an index it reads this step's element, as a number it is the position. */
  readonly step?: Recurrence;
  /** Of word hashes: along this axis lie the trigrams of a word, which a lookup sums over. */
  readonly bag?: Axis;
  /** In a step, of an outer value that runs along the steps' axis: the value before that axis was renamed. */
  readonly whole?: Tensor;
  /** What an index calls the feature, where a definition names it: `k` of `e[t, k]`. */
  readonly featureName?: string;
  /** Of what a recurrence gave: the states that it ended in, by their names in the cell. */
  readonly finals?: ReadonlyMap<string, Node>;
  /** Of a target, or of `next(…)`: the data that an output layer over it predicts. */
  readonly target?: string;
}

export interface Vocabulary {
  /** The name of the data it is read from. */
  readonly name: string;
  readonly size: number;
}

/** A number, size or count that the compiler knows; a size may still be a placeholder (see `sizes.ts`). */
export interface NumberValue {
  readonly kind: "number";
  readonly value: number;
  /** The option that it was given as, by the caller nearest to the user. */
  readonly option?: { readonly name: string; readonly of: string };
}

export interface BooleanValue {
  readonly kind: "boolean";
  readonly value: boolean;
}

export interface TextValue {
  readonly kind: "text";
  readonly value: string;
}

/** A random value that takes the axes of what it meets. */
export interface Draw {
  readonly kind: "draw";
  readonly make: (axes: readonly Axis[]) => Node;
}

/** Applied to its inputs at once: `tanh`, `sum`, a `fn` with one list. */
export interface FunctionValue {
  readonly kind: "function";
  readonly name: string;
  readonly call: (call: CallSite) => Value;
}

/** What a call was given, evaluated on demand. */
export interface CallSite {
  readonly arguments: readonly Argument[];
  readonly binders: readonly Identifier[];
  readonly environment: Environment;
  readonly span: Span;
}

/** Something that `>>` applies to the value on its left. */
export interface Stage {
  readonly kind: "stage";
  readonly name: string;
  /** A `net`: its parameters are its own wherever it is used. */
  readonly isNet?: true;
  readonly apply: (inputs: readonly Tensor[], site: StageSite) => Tensor;
}

export interface StageSite {
  readonly environment: Environment;
  readonly span: Span;
  /** Inside `bidir`'s backward run: time flows from the end. */
  readonly backward: boolean;
  /** The share of a recurrent output that is dropped, one mask a sequence. */
  readonly recurrentDropout?: number;
}

/** A definition with two lists, waiting for its options. */
export interface DefinitionValue {
  readonly kind: "definition";
  readonly definition: DefinitionStatement;
  /** Where its body's other names are looked up. */
  readonly closure: Environment;
}

/** `final(value)`: the states that a recurrence ended in. */
export interface Finals {
  readonly kind: "finals";
  readonly states: ReadonlyMap<string, Node>;
}

/** `[1, 2, 4, 8]`. */
export interface NumberList {
  readonly kind: "list";
  readonly values: readonly number[];
}

/** A choice of an option: `before`, `concat`. */
export interface Word {
  readonly kind: "word";
  readonly word: string;
}
