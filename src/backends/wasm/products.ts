/**
 * Code of a product: calls of the tile that fits it, with loops around them for what the tile does not walk.
 *
 * `AB`: some of n's loops are contiguous in the right operand and in the result, in the same way, and some of m's move
 * left operand and result by constant distances. `AᵀB`: the same for n, and some of m's are contiguous in the
 * left operand. What is left of m and n (a batch that both operands share, say) is looped over.
 * Anything else is a sum for each element, as a kernel.
 */
import binaryen from "binaryen";
import { productStart, sameExtent } from "../../ir/kernel/build.ts";
import type { Access, Expression, Extent, Loop, Product, Share } from "../../ir/kernel/types.ts";
import { addressOf } from "./address.ts";
import type { Affine, Position } from "./affine.ts";
import { extentStride, isConstant, position, sameStride, scale, unit } from "./affine.ts";
import type { Ref } from "./code.ts";
import type { Stride } from "../../ir/kernel/addresses.ts";
import { type CallKernel, shareOf, sumEach } from "./product-kernel.ts";
import type { Scope } from "./scope.ts";
import { countOf, extentOf, openScope, writeLoop } from "./scope.ts";
import type { Walk } from "./tile-ab.ts";
import { abFunction } from "./tile-ab.ts";
import { isFirst, ownTurns } from "./threads.ts";
import { atbFunction } from "./tile-atb.ts";
import type { Writer } from "./writer.ts";

export function writeProduct(w: Writer, scope: Scope, product: Product, callKernel: CallKernel): void {
  const form = transposedForm(product) ?? plainForm(product);
  if (form === null) sumEach(product, callKernel);
  else if (form.kind === "AB") writeAB(w, scope, product, form);
  else writeAtB(w, scope, product, form, callKernel);
}

// ---- reading the operands -----------------------------------------------------------------------------------

const none = unit(0);
const strideIn = (sum: Affine, loop: Loop): Stride => sum.variables.get(loop.variable) ?? none;
const uses = (sum: Affine, loops: readonly Loop[]): boolean =>
  loops.some((l) => sum.variables.has(l.variable));

/** How far a step along k's or m's loop moves an operand, in elements; in panels that is a step down its rows. */
function along(at: Position, loop: Loop): Stride | null {
  if (at.kind === "rows") return strideIn(at.offset, loop);
  return at.column.variables.has(loop.variable) ? null : scale(strideIn(at.row, loop), unit(8));
}

const fixedAlong = (at: Position, loop: Loop): number | null => {
  const stride = along(at, loop);
  return stride !== null && isConstant(stride) ? stride.factor : null;
};

/** The sum that the columns are part of. */
const columnsOf = (at: Position): Affine => (at.kind === "rows" ? at.offset : at.column);

const usesAny = (at: Position, loops: readonly Loop[]): boolean =>
  at.kind === "rows" ? uses(at.offset, loops) : uses(at.row, loops) || uses(at.column, loops);

/** Whether what lies beyond the loop in its last vector is the buffer's padding. */
function endsInPadding({ buffer, index }: Access, loop: Loop): boolean {
  const last = index[index.length - 1];
  const dim = buffer.dims[buffer.dims.length - 1];
  return last?.kind === "variable" && last.variable === loop.variable && sameExtent(dim!, loop.extent);
}

interface Columns {
  readonly loops: readonly Loop[];
  readonly vectors: number;
}

/** The loops of n that the accesses walk alike and without gaps, padding included. */
function columns(n: readonly Loop[], accesses: readonly Access[]): Columns | null {
  const sums = accesses.map((a) => columnsOf(position(a)));
  const moves = (l: Loop, by: number): boolean =>
    l.extent.symbol === null && sums.every((s) => sameStride(strideIn(s, l), unit(by)));
  const inner = n.find((l) => moves(l, 1));
  if (!inner) return null;
  const padded = inner.extent.plus % 4 !== 0;
  if (padded && !accesses.every((a) => endsInPadding(a, inner))) return null;
  let width = Math.ceil(inner.extent.plus / 4) * 4;
  const loops = [inner];
  for (;;) {
    const next = n.find((l) => !loops.includes(l) && moves(l, width));
    if (!next) break;
    width *= next.extent.plus;
    loops.unshift(next);
  }
  return { loops, vectors: width / 4 };
}

/** Whether every column that a tile may start at is the first of a panel. */
function startsPanels(access: Access, { loops }: Columns): boolean {
  const at = position(access);
  if (at.kind === "rows") return true;
  if (at.column.rest.length > 0 || at.column.constant % 8 !== 0) return false;
  return [...at.column.variables].every(
    ([v, s]) => loops.some((l) => l.variable === v) || (isConstant(s) && s.factor % 8 === 0),
  );
}

/** The loops of m, as many as possible, that are one loop with a constant stride in each of the operands. */
function rowsGroup(m: readonly Loop[], operands: readonly Position[]): readonly Loop[] {
  const grow = (first: Loop): readonly Loop[] => {
    if (operands.some((at) => fixedAlong(at, first) === null)) return [];
    const group = [first];
    for (;;) {
      const outer = group[0]!;
      const next = m.find(
        (l) =>
          !group.includes(l) &&
          operands.every((at) => {
            const whole = along(at, l);
            return whole && sameStride(whole, scale(along(at, outer)!, extentStride(outer.extent)));
          }),
      );
      if (!next) return group;
      group.unshift(next);
    }
  };
  return m
    .map(grow)
    .reduce<readonly Loop[]>((best, group) => (group.length >= best.length ? group : best), []);
}

// ---- forms --------------------------------------------------------------------------------------------------

interface PlainForm {
  readonly kind: "AB";
  readonly columns: Columns;
  readonly rows: readonly Loop[];
  readonly walks: readonly Walk[];
  /** The extents whose product is k's, where that is not known. */
  readonly k: readonly Extent[] | null;
}

interface TransposedForm {
  readonly kind: "AtB";
  readonly columns: Columns;
  readonly rows: readonly Loop[];
  readonly k: readonly Loop[];
}

/** k's loops as walks, neighbours merged where both operands allow. */
function walksOf(k: readonly Loop[], left: Position, right: Position): Pick<PlainForm, "walks" | "k"> | null {
  const steps = k.map((l) => [fixedAlong(left, l), fixedAlong(right, l)] as const);
  const walks: { extent: number; a: number; b: number }[] = [];
  if (k.every((l) => l.extent.symbol === null)) {
    for (let i = k.length - 1; i >= 0; i--) {
      const [a, b] = steps[i]!;
      if (a === null || b === null) return null;
      const extent = k[i]!.extent.plus;
      const outer = walks[0];
      if (outer && a === outer.a * outer.extent && b === outer.b * outer.extent) outer.extent *= extent;
      else walks.unshift({ extent, a, b });
    }
    return { walks: walks.map(({ extent, a, b }) => ({ extent, a: 4 * a, b: 4 * b })), k: null };
  }
  const merged = rowsGroup(k, [left, right]);
  if (merged.length !== k.length || merged.some((l, i) => l !== k[i])) return null;
  const [a, b] = steps[k.length - 1]!;
  return { walks: [{ extent: null, a: 4 * a!, b: 4 * b! }], k: k.map((l) => l.extent) };
}

function plainForm({ m, n, k, left, right, to, start }: Product): PlainForm | null {
  const [l, r, t] = [position(left), position(right), position(to)];
  const s = start && position(start);
  if (l.kind !== "rows" || t.kind !== "rows" || (s && s.kind !== "rows")) return null;
  const wide = columns(n, [right, to, ...(start ? [start] : [])]);
  if (!wide || !startsPanels(right, wide) || uses(l.offset, wide.loops)) return null;
  if (r.kind === "panels" && (r.row.rest.length > 0 || uses(r.row, n))) return null;
  const walks = walksOf(k, l, r);
  if (!walks) return null;
  const rows = rowsGroup(
    m.filter((loop) => !usesAny(r, [loop])),
    [l, t, ...(s ? [s] : [])],
  );
  return { kind: "AB", columns: wide, rows, ...walks };
}

function transposedForm({ m, n, k, left, right, to }: Product): TransposedForm | null {
  const [l, r, t] = [position(left), position(right), position(to)];
  if (l.kind !== "rows" || r.kind !== "rows") return null;
  const wide = columns(n, [right, to]);
  if (!wide || !startsPanels(to, wide) || uses(l.offset, wide.loops)) return null;
  const isFirst = (group: readonly Loop[]): boolean =>
    strideIn(l.offset, group[group.length - 1]!).factor === 1;
  const rows = rowsGroup(
    m.filter((loop) => !uses(r.offset, [loop]) && loop.extent.symbol === null),
    [l, t],
  );
  if (rows.length === 0 || !isFirst(rows) || usesAny(t, k)) return null;
  // As many of the innermost loops of k as are one loop in both operands.
  const inner = k
    .map((_, i) => k.slice(i))
    .find((suffix) => {
      const group = rowsGroup(suffix, [l, r]);
      return group.length === suffix.length && group.every((loop, i) => loop === suffix[i]);
    });
  return inner ? { kind: "AtB", columns: wide, rows, k: inner } : null;
}

// ---- calls --------------------------------------------------------------------------------------------------

/** Loops over `outer`, then `call` where the tile's own variables are 0. */
function around(
  w: Writer,
  scope: Scope,
  outer: readonly Loop[],
  own: readonly Loop[],
  division: Division,
  call: (at: Scope) => Ref,
): void {
  const [loop, ...others] = outer;
  if (loop) {
    const share = division?.kind === "around" && division.share.loops.includes(loop) ? division.share : null;
    const turns = share ? ownTurns(w, extentOf(w, loop.extent), share.by) : undefined;
    return writeLoop(w, scope, loop, (inner) => around(w, inner, others, own, division, call), turns);
  }
  const at = own.reduce<Scope>(
    (s, l) => ({ ...openScope(s, { variable: l.variable, value: 0, step: 0 }), code: scope.code }),
    scope,
  );
  scope.code.push(call(at));
}

function start(w: Writer, scope: Scope, access: Access): Ref {
  const { pointer, offset } = addressOf(w, scope, access);
  return w.code.add(pointer(), offset);
}

const except = (loops: readonly Loop[], some: readonly Loop[]): Loop[] =>
  loops.filter((l) => !some.includes(l));

/** Bytes from one row of a group to the next. */
const rowBytes = (access: Access, group: readonly Loop[]): number =>
  group.length === 0 ? 0 : 4 * fixedAlong(position(access), group[group.length - 1]!)!;

/** What threads divide of a product: a loop around the tile, or the tile's own rows or columns. Null: nothing. */
type Division = { readonly kind: "around"; readonly share: Share } | { readonly kind: "tile" } | null;

function divisionOf({ share }: Product, tile: readonly Loop[], outer: readonly Loop[]): Division {
  if (!share) return null;
  if (tile.length > 0 && tile.every((l) => share.loops.includes(l))) return { kind: "tile" };
  const loop = outer.find((l) => share.loops.includes(l));
  return loop ? { kind: "around", share: shareOf(share, loop) } : null;
}

/** What threads share but do not divide, the first does. */
function byFirst(w: Writer, scope: Scope, isDivided: boolean, write: (at: Scope) => void): void {
  if (isDivided) return write(scope);
  const inner = openScope(scope);
  write(inner);
  scope.code.push(w.code.m.if(isFirst(w.code.m), w.code.block(inner.code)));
}

function writeAB(w: Writer, scope: Scope, product: Product, form: PlainForm): void {
  const { left, right, to, start: from, share } = product;
  const { columns: wide } = form;
  const { m } = w.code;
  // The rows below a loop that is divided by itself.
  const single = share?.loops.length === 1 ? form.rows.indexOf(share.loops[0]!) : -1;
  const rows = form.rows.length > 1 ? form.rows.slice(single + 1) : form.rows;
  const at = position(right);
  const strides = { a: rowBytes(left, rows), c: rowBytes(to, rows), s: from ? rowBytes(from, rows) : null };
  const name = abFunction(w.module, {
    k: form.walks,
    vectors: wide.vectors,
    panel: at.kind === "panels" ? 32 * at.K : 32,
    rowA: strides.a,
    rowC: strides.c,
    rowS: strides.s,
  });
  const outer = [...except(product.m, rows), ...except(product.n, wide.loops)];
  const division = divisionOf(product, rows, outer);
  const count = countOf(
    w,
    rows.map((l) => l.extent),
  );
  const K = form.k === null ? 0 : countOf(w, form.k);
  const { from: first, to: end } =
    division?.kind === "tile" ? ownTurns(w, count, share!.by) : { from: 0, to: count };
  byFirst(w, scope, !share || division !== null, (within) =>
    around(w, within, outer, [...rows, ...wide.loops, ...product.k], division, (inner) => {
      const place = (access: Access, bytes: number): Ref =>
        first === 0
          ? start(w, inner, access)
          : m.i32.add(start(w, inner, access), w.code.mul(w.code.int(first), bytes));
      const places = [
        place(left, strides.a),
        start(w, inner, right),
        place(to, strides.c),
        from ? place(from, strides.s!) : place(to, strides.c),
      ];
      const own = first === 0 ? w.code.int(end) : m.i32.sub(w.code.int(end), w.code.int(first));
      return m.call(name, [...places, own, w.code.int(K)], binaryen.none);
    }),
  );
}

function writeAtB(
  w: Writer,
  scope: Scope,
  product: Product,
  form: TransposedForm,
  callKernel: CallKernel,
): void {
  const { left, right, to, start: from, k, share } = product;
  const { rows, columns: wide } = form;
  const { m } = w.code;
  const at = position(to);
  const outerK = except(k, form.k);
  const outer = [...except(product.m, rows), ...except(product.n, wide.loops), ...outerK];
  const division = divisionOf(product, wide.loops, outer);
  const fresh = from === null && outerK.length === 0;
  const needsStart = !fresh && !(from && sameAccess(from, to));
  // Whose columns the start's are is told only by a loop around the tile.
  if (needsStart && share && division?.kind !== "around") return sumEach(product, callKernel);
  if (needsStart)
    callKernel({
      ...productStart(product),
      ...(division?.kind === "around" ? { share: division.share } : {}),
    });
  const name = atbFunction(w.module, {
    M: rows.reduce((n, l) => n * l.extent.plus, 1),
    vectors: wide.vectors,
    rowA: rowBytes(left, form.k),
    rowB: rowBytes(right, form.k),
    rowC: rowBytes(to, rows),
    panelC: at.kind === "panels" ? 32 * at.K : 32,
    fresh,
    part: division?.kind === "tile",
  });
  const panels = Math.ceil(wide.vectors / 2);
  const own = division?.kind === "tile" ? ownTurns(w, panels, 1) : null;
  byFirst(w, scope, !share || division !== null, (within) =>
    around(w, within, outer, [...rows, ...wide.loops, ...form.k], division, (inner) => {
      const places = [left, right, to].map((a) => start(w, inner, a));
      const count = countOf(
        w,
        form.k.map((l) => l.extent),
      );
      const part = own ? [w.code.int(own.from), w.code.int(own.to)] : [];
      return m.call(name, [...places, w.code.int(count), ...part], binaryen.none);
    }),
  );
}

function sameAccess(a: Access, b: Access): boolean {
  return a.buffer === b.buffer && a.index.every((e, d) => sameIndex(e, b.index[d]!));
}

function sameIndex(a: Expression, b: Expression): boolean {
  if (a === b) return true;
  if (a.kind === "variable") return b.kind === "variable" && a.variable === b.variable;
  if (a.kind === "constant") return b.kind === "constant" && a.value === b.value;
  if (a.kind === "extent") return b.kind === "extent" && sameExtent(a.extent, b.extent);
  if (a.kind !== "binary" || b.kind !== "binary" || a.fn !== b.fn) return false;
  return sameIndex(a.left, b.left) && sameIndex(a.right, b.right);
}
