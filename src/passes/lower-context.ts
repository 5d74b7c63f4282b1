/**
 * What lowering one entry keeps: where nodes are to be stored and how, and small makers of statements. A `Finish`
 * is what a store does past an example's end: a state holds, an output is zero.
 */
import type { Node } from "../ir/graph/types.ts";
import { select } from "../ir/kernel/build.ts";
import type { Access, Expression, Kernel, Stage, Statement } from "../ir/kernel/types.ts";
import type { Pull } from "./lower-expression.ts";
import { type Bind, domain, extentOf, index, orderedAs, type Place, stored } from "./lower-place.ts";
import type { Shared } from "./lower-program.ts";
import type { Uses } from "./lower-uses.ts";
import { axisOrder } from "../ir/graph/build.ts";
import type { Axis } from "../ir/graph/types.ts";

export interface Finish {
  readonly kind: "mask" | "hold";
  /** Whose steps past the end are meant; null: the positions along an axis of the value. */
  readonly scan: Node<"scan"> | null;
  readonly condition: (bind: Bind) => Expression;
  readonly otherwise: (bind: Bind) => Expression;
}

export interface Context {
  readonly shared: Shared;
  readonly uses: Uses;
  readonly pull: Pull;
  /** Statements before all others: weights packed for a second role. */
  readonly prologue: Statement[];
  readonly packed: Map<string, Place["buffer"]>;
  /** Where a node must be stored; a function where that depends on another node's place. */
  readonly presets: Map<Node, Place | (() => Place)>;
  readonly finishes: Map<Node, Finish>;
  /** Nodes that are stored though an expression would do. */
  readonly forced: Set<Node>;
  /** Nodes that their scan stores itself at the end of a step. */
  readonly deferred: Set<Node>;
  /** Nodes with a temporary of their own. */
  readonly temporaries: Set<Node>;
  /** Operands of a stack or concat that were computed in their part of it. */
  readonly inPart: Set<Node>;
  readonly results: Map<Node, { readonly finals: readonly Place[]; readonly outputs: readonly Place[] }>;
}

export const isStored = (c: Context, node: Node): boolean =>
  !c.deferred.has(node) && !c.pull.aliases.has(node) && (c.uses.exists(node) || c.forced.has(node));

export function accessOf(c: Context, place: Place, bind: Bind): Access {
  const { buffer, index: at } = index(place, bind);
  return { buffer, index: at.map(c.pull.interner.intern) };
}

export function finished(finish: Finish | null, value: Expression, bind: Bind): Expression {
  return finish ? select(finish.condition(bind), value, finish.otherwise(bind)) : value;
}

/** `place[axes] = value`, past the end what `finish` says. */
export function storeKernel(
  c: Context,
  name: string,
  axes: readonly Axis[],
  place: Place,
  value: (bind: Bind) => Expression,
  finish: Finish | null = null,
): Kernel {
  const { loops, bind } = domain(orderedAs(place, axes));
  const stage = storeStage(c, place, finished(finish, value(bind), bind), bind);
  return { kind: "kernel", name, loops, stages: [stage] };
}

export function storeStage(c: Context, place: Place, value: Expression, bind: Bind): Stage {
  const { intern } = c.pull.interner;
  return {
    kind: "store",
    loops: [],
    to: accessOf(c, place, bind),
    value: intern(stored(value)),
    accumulate: false,
  };
}

export const nameOf = (node: Node): string =>
  node.label ?? (node.op === "binary" || node.op === "unary" ? node.attributes.fn : node.op);

export function temporary(c: Context, node: Node, suffix = ""): Place {
  const axes = [...node.type.axes].sort(axisOrder);
  const dtype = node.type.dtype === "tuple" ? "f32" : node.type.dtype;
  const buffer = c.shared.temporary(nameOf(node) + suffix, dtype, axes.map(extentOf));
  return { buffer, dims: axes.map((axis) => ({ axis, offset: null })) };
}
