/** What the parts of the emitter share: the module being built, where slots lie, and helper functions made on demand. */
import type { Buffer, Expression, Kernel, Variable } from "../../ir/kernel/types.ts";
import { expressions, kernelRoots, children, root } from "../../ir/kernel/walk.ts";
import type { Int, Module } from "./code.ts";
import { FunctionCode } from "./code.ts";
import type { Frame, Scope } from "./scope.ts";
import { openScope } from "./scope.ts";

export interface ModuleWriter {
  readonly m: Module;
  /** Products may round a multiplication and its addition once, as the machine likes. */
  readonly relaxed: boolean;
  /** Several threads run it. */
  readonly threads: boolean;
  /** The address of a buffer: a constant, or a global and an offset in bytes. */
  readonly base: (buffer: Buffer) => { readonly global: string | null; readonly offset: number };
  readonly slot: (buffer: Buffer) => number;
  /** The name of the function that `write` makes for `key`; written once. */
  readonly once: (key: string, write: (name: string) => void) => string;
}

/** What a kernel's code is written with. */
export interface Writer extends Frame {
  readonly module: ModuleWriter;
  /** How many places use each expression: one that several use is kept in a local. */
  readonly uses: ReadonlyMap<Expression, number>;
  /** Slots that the kernel stores to: a load from one of them belongs to its point and moves no further out. */
  readonly stored: ReadonlySet<number>;
  /** The scope of one point of the kernel's own loops. */
  point: Scope | null;
  /** How many lanes of the open lane scope count; null: all four. */
  tail: Int | null;
  /** Names for objects, to make keys of. */
  readonly ids: Map<object, number>;
}

export const idOf = (w: Writer, of: object): number => {
  let id = w.ids.get(of);
  if (id === undefined) w.ids.set(of, (id = w.ids.size));
  return id;
};

function countUses(kernel: Kernel): ReadonlyMap<Expression, number> {
  const uses = new Map<Expression, number>();
  const count = (e: Expression): void => void uses.set(e, (uses.get(e) ?? 0) + 1);
  const roots = kernelRoots(kernel);
  roots.forEach(count);
  expressions(roots).forEach((e) => children(e).forEach(count));
  return uses;
}

export function makeWriter(module: ModuleWriter, code: FunctionCode, kernel: Kernel | null): Writer {
  const stores = kernel ? kernel.stages.flatMap((s) => (s.kind === "store" ? [s.to.buffer] : [])) : [];
  return {
    module,
    code,
    root: openScope(null),
    sizes: new Map(),
    uses: kernel ? countUses(kernel) : new Map(),
    stored: new Set(stores.map((b) => module.slot(root(b)))),
    point: null,
    tail: null,
    ids: new Map(),
  };
}

/** Binds parameters of the function to variables: scopes that share the root's code. */
export function bindParameters(w: Writer, variables: readonly Variable[]): Scope {
  return variables.reduce<Scope>(
    (scope, variable, i) => ({
      ...openScope(scope, { variable, value: w.code.param(i), step: 0 }),
      code: w.root.code,
    }),
    w.root,
  );
}
