/**
 * C = S + Aᵀ B, summed over the rows of A and B: weight gradients. C in panels of 8 columns or in rows.
 *
 * Rows are taken in blocks of 32, so that a block of A and of B stays in the nearest caches while every tile of C, 4
 * rows by 8 columns, adds it up; between blocks a tile lies in C itself. So each element's sum ascends over
 * the rows with one accumulator.
 */
import binaryen from "binaryen";
import type { Local, Ref } from "./code.ts";
import { FunctionCode, zeros } from "./code.ts";
import type { ModuleWriter } from "./writer.ts";

/** Distances in bytes. */
export interface AtBShape {
  /** Rows of C, and vectors of 4 columns. */
  readonly M: number;
  readonly vectors: number;
  /** From a row of A or B to the next. */
  readonly rowA: number;
  readonly rowB: number;
  /** From a row of C to the next, and from 8 columns to the next. */
  readonly rowC: number;
  readonly panelC: number;
  /** Whether the sum starts from zeros, and not from what C holds. */
  readonly fresh: boolean;
  /** Whether the call says which of the columns are its own. */
  readonly part: boolean;
}

const blockRows = 32;

export function atbFunction(module: ModuleWriter, shape: AtBShape): string {
  const { M, vectors, rowA, rowB, rowC, panelC, fresh, part } = shape;
  const kind = `${fresh ? "fresh" : "more"}${part ? " part" : ""}`;
  const key = `AtB ${M} ${vectors} ${rowA} ${rowB} ${rowC} ${panelC} ${kind}`;
  return module.once(key, (name) => write(module, name, shape));
}

/** Parameters: addresses of A, B, C, the number of rows of A and B; of a part, its first panel and the one after its last. */
function write(module: ModuleWriter, name: string, shape: AtBShape): void {
  const types = new Array<binaryen.Type>(shape.part ? 6 : 4).fill(binaryen.i32);
  const code = new FunctionCode(module.m, types, module.relaxed);
  const { m } = code;
  const [pa, pb, pc, rows] = [0, 1, 2, 3].map((i) => code.param(i)) as [Local, Local, Local, Local];
  const body: Ref[] = [];
  const done = code.keepInt(body, m.i32.const(0));
  const count = code.local(binaryen.i32);
  const left = m.i32.sub(code.get(rows), code.get(done));
  const turn: Ref[] = [
    code.set(count, left),
    m.if(m.i32.gt_s(code.get(count), m.i32.const(blockRows)), code.set(count, m.i32.const(blockRows))),
  ];
  turn.push(...readRows(code, pb, count, shape.rowB, 16 * shape.vectors));
  const columnB = code.keepInt(turn, code.get(pb));
  const columnC = code.keepInt(turn, code.get(pc));
  const wide = Math.floor(shape.vectors / 2);
  const down = (width: number): readonly Ref[] => {
    const out: Ref[] = [];
    const a = code.keepInt(out, code.get(pa));
    const c = code.keepInt(out, code.get(columnC));
    const one = (tile: number): Ref[] => [
      ...tileCode(code, shape, tile, width, { a, b: columnB, c, count, done }),
      code.increment(a, 4 * tile),
      code.increment(c, shape.rowC * tile),
    ];
    const tiles = Math.floor(shape.M / 4);
    if (tiles === 1) out.push(...one(4));
    else if (tiles > 1) {
      const index = code.keepInt(out, m.i32.const(0));
      out.push(code.repeat(`tiles ${width}`, [...one(4), code.increment(index, 1)], index, tiles));
    }
    if (shape.M % 4 > 0) out.push(...one(shape.M % 4));
    return out;
  };
  const group = (index: Local): Ref[] => [
    ...down(2),
    code.increment(columnB, 32),
    code.increment(columnC, shape.panelC),
    code.increment(index, 1),
  ];
  if (shape.part) {
    const [first, end] = [code.param(4), code.param(5)];
    const index = code.keepInt(turn, code.get(first));
    turn.push(
      code.set(columnB, m.i32.add(code.get(columnB), code.mul(code.get(first), 32))),
      code.set(columnC, m.i32.add(code.get(columnC), code.mul(code.get(first), shape.panelC))),
    );
    const last = code.keepInt(
      turn,
      m.select(m.i32.lt_s(code.get(end), m.i32.const(wide)), code.get(end), m.i32.const(wide)),
    );
    const some = m.i32.lt_s(code.get(index), code.get(last));
    turn.push(m.if(some, code.repeat("columns", group(index), index, last)));
    const isOwn = m.i32.and(
      m.i32.gt_s(code.get(end), m.i32.const(wide)),
      m.i32.le_s(code.get(first), m.i32.const(wide)),
    );
    if (shape.vectors % 2 > 0) turn.push(m.if(isOwn, code.block(down(1))));
  } else {
    if (wide > 0) {
      const index = code.keepInt(turn, m.i32.const(0));
      turn.push(wide === 1 ? code.block(group(index)) : code.repeat("columns", group(index), index, wide));
    }
    if (shape.vectors % 2 > 0) turn.push(...down(1));
  }
  turn.push(
    code.set(pa, m.i32.add(code.get(pa), code.mul(code.get(count), shape.rowA))),
    code.set(pb, m.i32.add(code.get(pb), code.mul(code.get(count), shape.rowB))),
    code.increment(done, blockRows),
  );
  body.push(code.repeat("blocks", turn, done, rows));
  code.finish(name, binaryen.none, body);
}

/**
 * Reads a word of every cache line of the rows, in the order in which they lie in memory, which the machine foresees; the tiles
 * go down the rows a panel at a time, and would wait for each line.
 */
function readRows(code: FunctionCode, from: Local, count: Local, stride: number, bytes: number): Ref[] {
  const { m } = code;
  const body: Ref[] = [];
  const row = code.keepInt(body, code.get(from));
  const left = code.keepInt(body, code.get(count));
  const line = code.local(binaryen.i32);
  const end = code.local(binaryen.i32);
  const lines = [m.drop(m.i32.load(0, 4, code.get(line))), code.increment(line, lineBytes)];
  const rows = [
    code.set(line, code.get(row)),
    code.set(end, code.add(code.get(row), bytes)),
    code.repeat("lines", lines, line, end),
    code.increment(row, stride),
    code.increment(left, -1),
    m.br_if("rows to come", m.i32.gt_s(code.get(left), m.i32.const(0))),
  ];
  body.push(m.if(m.i32.gt_s(code.get(left), m.i32.const(0)), m.loop("rows to come", code.block(rows))));
  return body;
}

const lineBytes = 64;

interface Pointers {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
  readonly count: Local;
  /** Rows before this block. */
  readonly done: Local;
}

function tileCode(
  code: FunctionCode,
  shape: AtBShape,
  rows: number,
  width: number,
  at: Pointers,
): readonly Ref[] {
  const { m } = code;
  const vectors = [...Array(width).keys()];
  const sums = [...Array(rows).keys()].map(() => vectors.map(() => code.local(binaryen.v128)));
  const each = (f: (sum: Local, offset: number) => Ref): Ref[] =>
    sums.flatMap((row, r) => row.map((sum, v) => f(sum, r * shape.rowC + 16 * v)));
  const load = each((sum, offset) => code.set(sum, m.v128.load(offset, 4, code.get(at.c))));
  const clear = each((sum) => code.set(sum, zeros(m)));
  const body: Ref[] = shape.fresh ? [m.if(code.get(at.done), code.block(load), code.block(clear))] : load;
  const a = code.keepInt(body, code.get(at.a));
  const b = code.keepInt(body, code.get(at.b));
  const k = code.keepInt(body, code.get(at.count));
  const right = vectors.map(() => code.local(binaryen.v128));
  const x = code.local(binaryen.v128);
  const step: Ref[] = vectors.map((v) => code.set(right[v]!, m.v128.load(16 * v, 4, code.get(b))));
  sums.forEach((row, r) => {
    step.push(code.set(x, m.v128.load32_splat(4 * r, 4, code.get(a))));
    row.forEach((sum, v) =>
      step.push(code.set(sum, code.multiplyAdd(code.get(x), code.get(right[v]!), code.get(sum)))),
    );
  });
  const label = `rows ${rows} ${width}`;
  const again = m.br_if(label, m.local.tee(k.index, code.add(code.get(k), -1), binaryen.i32));
  step.push(code.increment(a, shape.rowA), code.increment(b, shape.rowB), again);
  // Without rows there is nothing to add, but a fresh C is still to be written.
  body.push(m.if(m.i32.gt_s(code.get(at.count), m.i32.const(0)), m.loop(label, code.block(step))));
  body.push(...each((sum, offset) => m.v128.store(offset, 4, code.get(at.c), code.get(sum))));
  return body;
}
