/**
 * The textual form's table: each op as a word, axes in brackets, and atoms (names and numbers). `read.ts` holds the
 * inverse. Operands and types are the same for all, and scans have a form of their own.
 */
import type { Axis, Initialiser, Node, Op } from "./types.ts";

export interface Encoded {
  readonly word: string;
  readonly axes: readonly Axis[];
  readonly atoms: readonly (string | number)[];
}

/** Ops with a form of their own: a scan and its formals. */
export type ScanOp = "scan" | "state" | "element" | "position";

type Encoder<K extends Op> = (attributes: Node<K>["attributes"]) => Encoded;

const plain = (
  word: string,
  axes: readonly Axis[] = [],
  atoms: readonly (string | number)[] = [],
): Encoded => ({
  word,
  axes,
  atoms,
});

const encoders: { readonly [K in Exclude<Op, ScanOp>]: Encoder<K> } = {
  input: ({ name }) => plain("input", [], [name]),
  param: ({ name, members, stack }) =>
    plain("param", stack ? [stack] : [], [name, ...members.map((member) => member.name)]),
  constant: ({ value }) => plain("constant", [], [value]),
  iota: ({ axis }) => plain("iota", [axis]),
  length: ({ axis }) => plain("length", [axis]),
  random: ({ distribution, place, fresh }) => plain("random", fresh, [distribution, place]),
  unary: ({ fn }) => plain(fn),
  binary: ({ fn }) => plain(fn),
  select: () => plain("select"),
  broadcast: ({ axes }) => plain("broadcast", axes),
  rename: ({ from, to }) => plain("rename", [from, to]),
  reduce: ({ fn, axes }) => plain("reduce", axes, [fn]),
  contract: ({ axes }) => plain("contract", axes),
  stack: ({ axis }) => plain("stack", [axis]),
  pick: ({ axis, index }) => plain("pick", [axis], [index]),
  slice: ({ axis, start, to }) => plain("slice", [axis, to], [start]),
  concat: ({ from, to }) => plain("concat", [...from, to]),
  place: ({ axis, start, from }) => plain("place", from ? [axis, from] : [axis], [start]),
  gather: ({ axis }) => plain("gather", [axis]),
  scatter: ({ axis, over }) => plain("scatter", [axis, ...over]),
  shift: ({ axis, by, filler }) => plain("shift", [axis], [by, filler]),
  reverse: ({ axis }) => plain("reverse", [axis]),
  result: ({ part, index }) => plain(part, [], [index]),
  stop: () => plain("stop"),
};

export function encode(node: Exclude<Node, Node<ScanOp>>): Encoded {
  return (encoders[node.op] as (attributes: Node["attributes"]) => Encoded)(node.attributes);
}

export function encodeInitialiser(initialiser: Initialiser): readonly (string | number)[] {
  switch (initialiser.kind) {
    case "zeros":
    case "ones":
    case "glorot":
    case "he":
    case "orthogonal":
      return [initialiser.kind];
    case "constant":
      return [initialiser.kind, initialiser.value];
    case "identity":
      return [initialiser.kind, initialiser.scale];
    case "normal":
      return [initialiser.kind, initialiser.deviation];
    case "uniform":
      return [initialiser.kind, initialiser.bound];
    default:
      return initialiser satisfies never;
  }
}

/** Names that need no quotes; `as` announces a label. */
export const isBare = (text: string): boolean => text !== "as" && /^[^\s,[\]{}():="%]+$/u.test(text);

/** A label that can serve as a value's name; numbers are names of values without one. */
export const isName = (text: string): boolean => isBare(text) && !/^\d+$|~/.test(text);

/** The label in a value's name: several of one label are `h~1`, `h~2`, … */
export function labelOf(name: string): string | undefined {
  const label = name.replace(/~\d+$/, "");
  return isName(label) ? label : undefined;
}
