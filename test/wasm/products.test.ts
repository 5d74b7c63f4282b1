import { describe, expect, it } from "vitest";
import {
  access,
  at,
  binary,
  fixed,
  i32,
  loop,
  panelsBuffer,
  rowsBuffer,
  symbolic,
} from "../../src/ir/kernel/build.ts";
import type { Access, Buffer, Extent, Loop, Product, Statement } from "../../src/ir/kernel/types.ts";
import { storage } from "../../src/ir/kernel/layout.ts";
import {
  compare,
  comparer,
  compileProgram,
  expectClose,
  instantiateModule,
  numbers,
  programOf,
} from "./run.ts";

const B = symbolic("B");
const T = symbolic("T");
const rows = (name: string, dims: readonly Extent[]): Buffer => rowsBuffer(name, "f32", dims, "temporary");
const panels = (name: string, dims: readonly Extent[], columns: number): Buffer =>
  panelsBuffer(name, dims, columns, "parameter");
const on = (buffer: Buffer, ...loops: Loop[]): Access =>
  access(
    buffer,
    loops.map((l) => at(l.variable)),
  );

interface Parts {
  readonly m: readonly Loop[];
  readonly n: readonly Loop[];
  readonly k: readonly Loop[];
}
const product = (parts: Parts, left: Access, right: Access, to: Access, start: Access | null): Product => ({
  kind: "product",
  name: "p",
  ...parts,
  left,
  right,
  to,
  start,
});

const shapes = [
  [1, 1],
  [3, 2],
  [5, 4],
  [4, 8],
  [7, 12],
  [16, 13],
  [9, 24],
  [6, 27],
  [33, 40],
  [8, 61],
] as const;

describe("a product with weights in panels", () => {
  const make = (K: number, N: number, start: "none" | "bias" | "rows" | "same") => {
    const [b, n, k] = [loop("b", B), loop("n", fixed(N)), loop("k", fixed(K))];
    const x = rows("x", [B, fixed(K)]);
    const w = panels("w", [fixed(K), fixed(N)], 1);
    const y = rows("y", [B, fixed(N)]);
    const other = { bias: rows("bias", [fixed(N)]), rows: rows("start", [B, fixed(N)]) };
    const from = {
      none: null,
      bias: on(other.bias, n),
      rows: on(other.rows, b, n),
      same: on(y, b, n),
    }[start];
    return { x, y, p: product({ m: [b], n: [n], k: [k] }, on(x, b, k), on(w, k, n), on(y, b, n), from) };
  };

  it.each(shapes)("K = %i, N = %i, for 1 to 9 rows", (K, N) => {
    for (const start of ["none", "bias", "rows", "same"] as const) {
      const run = comparer([make(K, N, start).p], ["B", "T"]);
      for (let M = 0; M <= 9; M++) expectClose(run({ B: M, T: 1 }));
    }
  });

  it.each(shapes)("K = %i, N = %i: each row's bits are those it has alone", (K, N) => {
    for (const start of ["none", "bias", "same"] as const) {
      const { p, x, y } = make(K, N, start);
      const program = programOf([p]);
      const module = compileProgram(program);
      const run = (M: number, first: number): number[] => {
        const instance = instantiateModule(program, module, { B: M, T: 1 });
        program.buffers.forEach((buffer, i) => {
          const { sizes } = storage(buffer, { B: 9, T: 1 });
          const all = numbers(
            sizes.reduce((a, b) => a * b, 1),
            i,
          );
          const width = buffer === x ? K : buffer === y ? N : 0;
          instance.write(buffer, width ? all.slice(first * width) : all);
        });
        instance.run();
        return instance.read(y);
      };
      const alone = Array.from({ length: 9 }, (_, r) => run(1, r)).flat();
      for (let M = 1; M <= 9; M++) expect(run(M, 0)).toEqual(alone.slice(0, M * N));
    }
  });

  it("walks gates, heads and time as one", () => {
    const [t, b, g, h] = [loop("t", T), loop("b", B), loop("g", fixed(3)), loop("h", fixed(5))];
    const [d, k] = [loop("d", fixed(2)), loop("k", fixed(6))];
    const x = rows("x", [T, B, fixed(2), fixed(6)]);
    const w = panels("w", [fixed(2), fixed(6), fixed(3), fixed(5)], 2);
    const y = rows("y", [T, B, fixed(3), fixed(5)]);
    for (const m of [
      [t, b],
      [b, t],
    ])
      expectClose(
        compare(
          [
            product(
              { m, n: [g, h], k: [d, k] },
              on(x, t, b, d, k),
              on(w, d, k, g, h),
              on(y, t, b, g, h),
              null,
            ),
          ],
          { B: 3, T: 4 },
        ),
      );
    const z = rows("z", [B, T, fixed(3), fixed(5)]);
    expectClose(
      compare(
        [
          product(
            { m: [t, b], n: [g, h], k: [d, k] },
            on(x, t, b, d, k),
            on(w, d, k, g, h),
            on(z, b, t, g, h),
            null,
          ),
        ],
        { B: 3, T: 4 },
      ),
    );
  });

  it("takes a step's rows and a part of the weights", () => {
    const [t, b, n, k] = [loop("t", T), loop("b", B), loop("n", fixed(16)), loop("k", fixed(5))];
    const h = rows("h", [symbolic("T", 1, 1), B, fixed(5)]);
    const w = panels("w", [fixed(9), fixed(32)], 1);
    const y = rows("y", [T, B, fixed(16)]);
    const next = access(h, [binary("add", at(t.variable), i32(1)), at(b.variable), at(k.variable)]);
    for (const by of [0, 4, 8, 16]) {
      const part = access(w, [binary("add", at(k.variable), i32(4)), binary("add", at(n.variable), i32(by))]);
      const p = product({ m: [b], n: [n], k: [k] }, next, part, on(y, t, b, n), on(y, t, b, n));
      const body: Statement[] = [{ kind: "loop", loop: t, reverse: true, body: [p] }];
      expectClose(compare(body, { B: 3, T: 4 }));
    }
  });
});

describe("a product of two activations", () => {
  it.each([
    [3, 5],
    [8, 8],
    [7, 20],
    [1, 4],
  ])("attention: scores over %i features and weighted sums of %i", (F, V) => {
    const [b, i, s, f, v] = [
      loop("b", B),
      loop("i", T),
      loop("s", T),
      loop("f", fixed(F)),
      loop("v", fixed(V)),
    ];
    const [q, keys, values] = [
      rows("q", [T, B, fixed(F)]),
      rows("keys", [T, B, fixed(F)]),
      rows("v", [T, B, fixed(V)]),
    ];
    const scores = rows("scores", [B, T, T]);
    const out = rows("out", [T, B, fixed(V)]);
    const score = product(
      { m: [b, i], n: [s], k: [f] },
      on(q, i, b, f),
      on(keys, s, b, f),
      on(scores, b, i, s),
      null,
    );
    const sum = product(
      { m: [b, i], n: [v], k: [s] },
      on(scores, b, i, s),
      on(values, s, b, v),
      on(out, i, b, v),
      null,
    );
    const back = product(
      { m: [b, s], n: [v], k: [i] },
      on(scores, b, i, s),
      on(out, i, b, v),
      on(values, s, b, v),
      on(values, s, b, v),
    );
    for (const size of [1, 2, 5, 6]) {
      expectClose(compare([score], { B: 2, T: size }));
      expectClose(compare([sum], { B: 3, T: size }));
      expectClose(compare([back], { B: 3, T: size }));
    }
  });

  it("a matrix by another in rows", () => {
    const [b, n, k] = [loop("b", B), loop("n", fixed(10)), loop("k", fixed(6))];
    const [x, w, y] = [rows("x", [B, fixed(6)]), rows("w", [fixed(6), fixed(10)]), rows("y", [B, fixed(10)])];
    for (let M = 1; M < 9; M++)
      expectClose(
        compare([product({ m: [b], n: [n], k: [k] }, on(x, b, k), on(w, k, n), on(y, b, n), null)], {
          B: M,
          T: 1,
        }),
      );
  });
});

describe("a weight gradient", () => {
  const starts = ["none", "same", "other"] as const;
  it.each(shapes)("of %i by %i, into panels and rows", (M, N) => {
    const [t, b, m, n] = [loop("t", T), loop("b", B), loop("m", fixed(M)), loop("n", fixed(N))];
    const x = rows("x", [T, B, fixed(M)]);
    const dy = rows("dy", [T, B, fixed(N)]);
    for (const to of [panels("dw", [fixed(M), fixed(N)], 1), rows("dw", [fixed(M), fixed(N)])])
      for (const start of starts) {
        const other = rows("other", [fixed(M), fixed(N)]);
        const from = { none: null, same: on(to, m, n), other: on(other, m, n) }[start];
        const p = product({ m: [m], n: [n], k: [t, b] }, on(x, t, b, m), on(dy, t, b, n), on(to, m, n), from);
        for (const sizes of [
          { B: 3, T: 5 },
          { B: 1, T: 1 },
          { B: 33, T: 4 },
          { B: 2, T: 0 },
        ])
          expectClose(compare([p], sizes), 1e-5);
      }
  });

  it("of several axes on either side", () => {
    const [t, b] = [loop("t", T), loop("b", B)];
    const [d, m, g, n] = [loop("d", fixed(2)), loop("m", fixed(5)), loop("g", fixed(3)), loop("n", fixed(6))];
    const x = rows("x", [T, B, fixed(2), fixed(5)]);
    const dy = rows("dy", [symbolic("T", 1, 1), B, fixed(3), fixed(6)]);
    const dw = panels("dw", [fixed(2), fixed(5), fixed(3), fixed(6)], 2);
    const next = access(dy, [
      binary("add", at(t.variable), i32(1)),
      at(b.variable),
      at(g.variable),
      at(n.variable),
    ]);
    const p = product({ m: [d, m], n: [g, n], k: [t, b] }, on(x, t, b, d, m), next, on(dw, d, m, g, n), null);
    expectClose(compare([p], { B: 3, T: 5 }));
    const y = rows("y", [B, T, fixed(2), fixed(5)]);
    const q = product({ m: [d, m], n: [g, n], k: [t, b] }, on(y, b, t, d, m), next, on(dw, d, m, g, n), null);
    expectClose(compare([q], { B: 3, T: 5 }));
  });
});
