/**
 * C = S + A B with B in panels of 8 columns or in rows, as one function for each distinct set of strides.
 *
 * The tile holds R rows by W vectors of C in registers while k ascends, one accumulator an element, each step a
 * multiplication and an addition: so the bits of a row do not depend on the rows beside it. 4 rows by one panel
 * is what 16 vector registers hold (unrolled over k it spills); left-over rows take more panels at once, so
 * that as many sums are under way. Rows go in blocks, so that a panel is read from the nearest cache.
 */
import binaryen from "binaryen";
import type { Local, Ref } from "./code.ts";
import { FunctionCode, zeros } from "./code.ts";
import type { ModuleWriter } from "./writer.ts";

/** A loop over k, how far A and B move with it, in bytes. The extent may be given with the call if it is the only loop. */
export interface Walk {
  readonly extent: number | null;
  readonly a: number;
  readonly b: number;
}

/** Distances in bytes. */
export interface ABShape {
  /** Outermost first. */
  readonly k: readonly Walk[];
  /** Vectors of 4 columns. */
  readonly vectors: number;
  /** From 8 columns of B to the next: a panel, or 32 where B is in rows. */
  readonly panel: number;
  /** From a row to the next. */
  readonly rowA: number;
  readonly rowC: number;
  /** Null: zeros. A bias has rows at distance 0. */
  readonly rowS: number | null;
}

interface Pointers {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
  readonly s: Local;
}

/** Rows and vectors of a tile, the most rows first. */
const tiles = [
  { rows: 4, vectors: 2 },
  { rows: 2, vectors: 4 },
  { rows: 1, vectors: 6 },
] as const;

/** Bytes of A that a block of rows may take up: with a long k few rows would read every panel too often. */
const blockBytes = 1 << 19;

export function abFunction(module: ModuleWriter, shape: ABShape): string {
  const walks = shape.k.map((k) => `${k.extent ?? "K"}@${k.a}@${k.b}`).join(",");
  const { vectors, panel, rowA, rowC, rowS } = shape;
  const key = `AB ${walks} ${vectors} ${panel} ${rowA} ${rowC} ${rowS ?? "zero"}`;
  return module.once(key, (name) => write(module, name, shape));
}

/** Parameters: addresses of A, B, C, S, the number of rows, and that of k if the shape leaves it open. */
function write(module: ModuleWriter, name: string, shape: ABShape): void {
  const code = new FunctionCode(module.m, new Array<binaryen.Type>(6).fill(binaryen.i32), module.relaxed);
  const { m } = code;
  const rows = code.param(4);
  const K = shape.k.reduce((n, k) => n * (k.extent ?? 256), 1);
  const [four, two, one] = tiles;
  const body: Ref[] = [];
  const done = code.keepInt(body, m.i32.const(0));
  const whole = code.keepInt(body, m.i32.and(code.get(rows), m.i32.const(-4)));

  const block = Math.max(4, Math.min(64, 4 * Math.floor(blockBytes / (16 * K))));
  const end = code.local(binaryen.i32);
  const next = (): Ref => code.add(code.get(done), block);
  const isLast = m.i32.gt_s(next(), code.get(whole));
  const blocks = [
    code.set(end, m.select(isLast, code.get(whole), next())),
    ...tileColumns(code, shape, four, done, end),
    code.set(done, code.get(end)),
  ];
  body.push(m.if(code.get(whole), code.repeat("blocks", blocks, done, whole)));
  for (const tile of [two, one]) {
    const past = code.local(binaryen.i32);
    const some = [
      code.set(past, code.add(code.get(done), tile.rows)),
      ...tileColumns(code, shape, tile, done, past),
      code.set(done, code.get(past)),
    ];
    body.push(m.if(m.i32.and(code.get(rows), m.i32.const(tile.rows)), code.block(some)));
  }
  code.finish(name, binaryen.none, body);
}

/** All columns of the rows `from` to `to`, a multiple of the tile's. */
function tileColumns(
  code: FunctionCode,
  shape: ABShape,
  tile: (typeof tiles)[number],
  from: Local,
  to: Local,
): readonly Ref[] {
  const { m } = code;
  const [pa, pb, pc, ps] = [0, 1, 2, 3].map((i) => code.param(i)) as [Local, Local, Local, Local];
  const body: Ref[] = [];
  const row = code.local(binaryen.i32);
  const at: Pointers = {
    a: code.local(binaryen.i32),
    b: code.local(binaryen.i32),
    c: code.local(binaryen.i32),
    s: code.local(binaryen.i32),
  };
  const panel = code.keepInt(body, code.get(pb));
  const column = code.keepInt(body, m.i32.const(0));
  /** Down the rows; `width` vectors from the column on. */
  const down = (width: number): readonly Ref[] => {
    const start = (base: Local, stride: number): Ref =>
      m.i32.add(code.get(base), code.mul(code.get(row), stride));
    const turn = [
      code.set(at.a, start(pa, shape.rowA)),
      code.set(at.b, code.get(panel)),
      code.set(at.c, m.i32.add(start(pc, shape.rowC), code.get(column))),
      ...(shape.rowS === null ? [] : [code.set(at.s, m.i32.add(start(ps, shape.rowS), code.get(column)))]),
      ...tileCode(code, shape, tile.rows, width, at),
      code.increment(row, tile.rows),
    ];
    const first = code.set(row, code.get(from));
    // Fewer than four rows are one tile.
    if (tile.rows < 4) return [first, ...turn];
    return [first, code.repeat(`rows ${tile.rows} ${width}`, turn, row, to)];
  };
  const groups = Math.floor(shape.vectors / tile.vectors);
  const rest = shape.vectors % tile.vectors;
  const forward = [
    code.increment(panel, (tile.vectors / 2) * shape.panel),
    code.increment(column, 16 * tile.vectors),
  ];
  const group = [...down(tile.vectors), ...forward];
  if (groups === 1) body.push(...group);
  else if (groups > 1)
    body.push(code.repeat(`columns ${tile.rows}`, group, column, 16 * tile.vectors * groups));
  if (rest > 0) body.push(...down(rest));
  return body;
}

function tileCode(
  code: FunctionCode,
  shape: ABShape,
  rows: number,
  width: number,
  at: Pointers,
): readonly Ref[] {
  const { m } = code;
  const body: Ref[] = [];
  const vectors = [...Array(width).keys()];
  const sums = [...Array(rows).keys()].map((r) =>
    vectors.map((v) => {
      const { rowS } = shape;
      const start = rowS === null ? zeros(m) : m.v128.load(r * rowS + 16 * v, 4, code.get(at.s));
      return code.keepVector(body, start);
    }),
  );
  const b = vectors.map(() => code.local(binaryen.v128));
  const x = code.local(binaryen.v128);
  const loadB = (v: number): Ref => m.v128.load((v >> 1) * shape.panel + (v & 1) * 16, 4, code.get(at.b));
  const step: Ref[] = [];
  // One row uses each vector of B once: straight from memory.
  if (rows > 1) step.push(...vectors.map((v) => code.set(b[v]!, loadB(v))));
  sums.forEach((row, r) => {
    step.push(code.set(x, m.v128.load32_splat(r * shape.rowA, 4, code.get(at.a))));
    row.forEach((sum, v) => {
      const right = rows > 1 ? code.get(b[v]!) : loadB(v);
      step.push(code.set(sum, code.multiplyAdd(code.get(x), right, code.get(sum))));
    });
  });
  body.push(...walkK(code, shape.k, at, step, `k ${rows} ${width}`));
  sums.forEach((row, r) =>
    row.forEach((sum, v) =>
      body.push(m.v128.store(r * shape.rowC + 16 * v, 4, code.get(at.c), code.get(sum))),
    ),
  );
  return body;
}

/** The loops over k around `step`, moving A and B. */
function walkK(
  code: FunctionCode,
  [walk, ...inner]: readonly Walk[],
  at: Pointers,
  step: readonly Ref[],
  label: string,
): readonly Ref[] {
  if (!walk) return step;
  const { m } = code;
  const within = inner.length === 0 ? step : walkK(code, inner, at, step, `${label}'`);
  // What the loops within have moved a pointer by is taken off again.
  const moved = (x: "a" | "b"): number => (inner[0] ? inner[0].extent! * inner[0][x] : 0);
  const forward = (["a", "b"] as const)
    .filter((x) => walk[x] !== moved(x))
    .map((x) => code.increment(at[x], walk[x] - moved(x)));
  const turn = [...within, ...forward];
  if (walk.extent === 1) return turn;
  const left = code.local(binaryen.i32);
  const again = m.br_if(label, m.local.tee(left.index, code.add(code.get(left), -1), binaryen.i32));
  const loop = m.loop(label, code.block([...turn, again]));
  if (walk.extent !== null) return [code.set(left, m.i32.const(walk.extent)), loop];
  return [code.set(left, code.get(code.param(5))), m.if(code.get(left), loop)];
}
