/**
 * Addresses of accesses: a pointer in a local and a constant offset for the instruction's immediate.
 *
 * A pointer is a chain from the outermost scope inwards: each loop that the access moves along adds a local that
 * starts at the pointer around it and grows by the stride each turn. Accesses that differ by a constant share
 * their pointers, and buffers at constant addresses differ only by a constant.
 */
import binaryen from "binaryen";
import type { Access, Variable } from "../../ir/kernel/types.ts";
import type { Affine } from "./affine.ts";
import { isConstant, position, scale, strideKey, unit } from "./affine.ts";
import type { Local, Ref } from "./code.ts";
import { depthOf, integer } from "./expression.ts";
import type { Stride } from "../../ir/kernel/addresses.ts";
import type { Scope } from "./scope.ts";
import { outwards, scopeOfVariable, strideBytes } from "./scope.ts";
import type { Writer } from "./writer.ts";
import { idOf } from "./writer.ts";

export interface Address {
  readonly pointer: () => Ref;
  readonly offset: number;
}

interface Term {
  readonly depth: number;
  readonly key: string;
  /** A variable that grows by itself moves the pointer; anything else is computed. */
  readonly walks: { readonly scope: Scope; readonly stride: Stride } | null;
  readonly bytes: (scope: Scope) => Ref;
  readonly mayBeNegative: boolean;
}

/** The terms of a sum whose strides are all multiplied by `by`, and its constant in elements. */
function termsOf(w: Writer, scope: Scope, sum: Affine, by: number): { terms: Term[]; constant: number } {
  let constant = sum.constant * by;
  const terms: Term[] = [];
  for (const [variable, of] of sum.variables) {
    const stride = scale(of, unit(by));
    const at = scopeOfVariable(scope, variable);
    const { value, step } = at.bound!;
    if (value === 0) continue;
    if (typeof value === "number" && isConstant(stride)) {
      constant += value * stride.factor;
      continue;
    }
    terms.push({
      depth: at.depth,
      key: `v${idOf(w, variable)}*${strideKey(stride)}`,
      walks: step > 0 ? { scope: at, stride } : null,
      bytes: () => w.code.mul(w.code.int(value), strideBytes(w, stride)),
      mayBeNegative: stride.factor < 0,
    });
  }
  for (const { of, stride } of sum.rest) {
    const whole = scale(stride, unit(by));
    terms.push({
      depth: depthOf(w, scope, of),
      key: `e${idOf(w, of)}*${strideKey(whole)}`,
      walks: null,
      bytes: (at) => w.code.mul(integer(w, at, of), strideBytes(w, whole)),
      mayBeNegative: true,
    });
  }
  return { terms, constant };
}

/** The column's part of an offset into panels, `(n >> 3) * 8 K + (n & 7)`. */
function columnTerms(
  w: Writer,
  scope: Scope,
  column: Affine,
  K: number,
): { terms: Term[]; constant: number } {
  const { terms, constant } = termsOf(w, scope, column, 1);
  if (terms.length === 0) return { terms: [], constant: (constant >> 3) * 8 * K + (constant & 7) };
  const { code } = w;
  const { m } = code;
  const bytes = (at: Scope): Ref => {
    const n = code.keepInt(at.code, code.int(4 * constant));
    for (const term of terms) at.code.push(code.set(n, m.i32.add(code.get(n), term.bytes(at))));
    const panel = m.i32.mul(m.i32.shr_u(code.get(n), m.i32.const(5)), m.i32.const(32 * K));
    return m.i32.add(panel, m.i32.and(code.get(n), m.i32.const(31)));
  };
  const depth = Math.max(...terms.map((t) => t.depth));
  const key = `column ${K} ${constant} ${terms
    .map((t) => t.key)
    .sort()
    .join(" ")}`;
  return { terms: [{ depth, key, walks: null, bytes, mayBeNegative: true }], constant: 0 };
}

export function addressOf(w: Writer, scope: Scope, access: Access): Address {
  const at = position(access);
  const { global, offset } = w.module.base(access.buffer);
  const parts =
    at.kind === "rows"
      ? [termsOf(w, scope, at.offset, 1)]
      : [termsOf(w, scope, at.row, 8), columnTerms(w, scope, at.column, at.K)];
  const terms = parts.flatMap((p) => p.terms);
  const constant = offset + 4 * parts.reduce((sum, p) => sum + p.constant, 0);
  // An immediate is added without wrapping: a pointer that might be negative has to hold all of the address.
  const folded = terms.some((t) => t.mayBeNegative) || constant < 0;
  const start = folded ? constant : 0;
  const pointer = chain(w, scope, terms, global, start);
  return {
    pointer: () => (pointer === null ? w.code.int(0) : w.code.get(pointer)),
    offset: constant - start,
  };
}

function chain(
  w: Writer,
  scope: Scope,
  terms: readonly Term[],
  global: string | null,
  start: number,
): Local | null {
  const { code } = w;
  let key = `${global ?? ""}+${start}`;
  let pointer: Local | null = null;
  const current = (): Ref => (pointer === null ? code.int(start) : code.get(pointer));
  if (global !== null) {
    const known = w.root.pointers.get(key);
    pointer = known ?? code.keepInt(w.root.code, code.add(code.m.global.get(global, binaryen.i32), start));
    w.root.pointers.set(key, pointer);
  }
  for (const at of [...outwards(scope)].reverse()) {
    const here = terms.filter((t) => t.depth === at.depth);
    for (const term of [...here.filter((t) => t.walks), ...here.filter((t) => !t.walks)]) {
      key += ` ${term.key}`;
      let next = at.pointers.get(key);
      if (!next && term.walks) {
        const { from = 0 } = at.bound!;
        const passed = (): Ref => code.mul(code.int(from), strideBytes(w, term.walks!.stride));
        const first = from === 0 ? current() : code.m.i32.add(current(), passed());
        next = code.keepInt(at.parent!.code, first);
        at.latch.push(code.increment(next, byStep(w, term.walks.stride, at.bound!.step)));
      }
      if (!next) {
        const bytes = term.bytes(at);
        const sum = pointer === null && start === 0 ? bytes : code.m.i32.add(current(), bytes);
        next = code.keepInt(at.code, sum);
      }
      at.pointers.set(key, next);
      pointer = next;
    }
  }
  return pointer === null && start !== 0 ? code.keepInt(w.root.code, code.int(start)) : pointer;
}

function byStep(w: Writer, stride: Stride, step: number): ReturnType<typeof strideBytes> {
  return strideBytes(w, scale(stride, unit(step)));
}

/**
 * How far apart four neighbours along a variable lie, in elements; 0 if the access does not move, null if that is
 * not the same everywhere.
 */
export function strideAlong(access: Access, v: Variable): number | null {
  const at = position(access);
  const plain = (sum: Affine): number | null => {
    const stride = sum.variables.get(v);
    if (!stride) return 0;
    return isConstant(stride) ? stride.factor : null;
  };
  if (at.kind === "rows") return plain(at.offset);
  const row = plain(at.row);
  const column = plain(at.column);
  if (row === null || column === null) return null;
  if (column === 0) return row * 8;
  const aligned =
    at.column.constant % 4 === 0 &&
    at.column.rest.length === 0 &&
    [...at.column.variables].every(([x, s]) => x === v || (isConstant(s) && s.factor % 4 === 0));
  return row === 0 && column === 1 && aligned ? 1 : null;
}
