import { describe, expect, it } from "vitest";
import {
  access,
  at,
  binary,
  f32,
  fixed,
  i32,
  load,
  loop,
  panelsBuffer,
  rowsBuffer,
  size,
  symbolic,
  unary,
  variable,
} from "../../src/ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  Loop,
  ReduceFunction,
  Stage,
} from "../../src/ir/kernel/types.ts";
import { compare, expectClose } from "./run.ts";

const rows = (name: string, dims: Buffer["dims"], dtype: "f32" | "i32" = "f32"): Buffer =>
  rowsBuffer(name, dtype, dims, "temporary");
const on = (buffer: Buffer, ...loops: (Loop | Expression)[]) =>
  access(
    buffer,
    loops.map((l) => ("extent" in l && "variable" in l ? at(l.variable) : (l as Expression))),
  );
const store = (to: Access, value: Expression, loops: Loop[] = [], accumulate = false): Stage => ({
  kind: "store",
  loops,
  to,
  value,
  accumulate,
});
const kernel = (loops: Loop[], stages: Stage[]): Kernel => ({ kind: "kernel", name: "k", loops, stages });
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19];
const B = symbolic("B");
const T = symbolic("T");

describe("pointwise kernels", () => {
  it.each(sizes)("rows of %i elements, padding stays zero", (n) => {
    const [x, y, z] = ["x", "y", "z"].map((name) => rows(name, [B, fixed(n)])) as [Buffer, Buffer, Buffer];
    const [b, j] = [loop("b", B), loop("j", fixed(n))];
    const a = load(on(x, b, j));
    const s = unary("sigmoid", a);
    const k = kernel(
      [b, j],
      [store(on(y, b, j), binary("add", binary("mul", s, a), f32(1))), store(on(z, b, j), unary("tanh", s))],
    );
    expectClose(compare([k], { B: 3, T: 1 }));
  });

  it.each(sizes)("slices and parts of %i elements leave the others alone", (n) => {
    const x = rows("x", [B, fixed(n + 5)]);
    const y = rows("y", [B, fixed(2 * n + 3)]);
    const [b, j] = [loop("b", B), loop("j", fixed(n))];
    const from = load(access(x, [at(b.variable), binary("add", at(j.variable), i32(3))]));
    const to = access(y, [at(b.variable), binary("add", at(j.variable), i32(n))]);
    expectClose(compare([kernel([b, j], [store(to, unary("exp", from))])], { B: 2, T: 1 }));
    expectClose(compare([kernel([b, j], [store(to, from, [], true)])], { B: 2, T: 1 }));
  });

  it.each(sizes)("symbolic rows of %i", (n) => {
    const x = rows("x", [T, B]);
    const y = rows("y", [T, B]);
    const [t, b] = [loop("t", T), loop("b", B)];
    const value = binary("add", load(on(x, t, b)), unary("float", at(b.variable)));
    expectClose(compare([kernel([t, b], [store(on(y, t, b), value)])], { B: n, T: 3 }));
  });

  it.each([1, 3, 8, 10])("panels of %i columns, both ways", (n) => {
    const w = panelsBuffer("w", [fixed(6), fixed(n)], 1, "parameter");
    const wt = panelsBuffer("wt", [fixed(n), fixed(6)], 1, "temporary");
    const [j, k] = [loop("j", fixed(6)), loop("k", fixed(n))];
    expectClose(compare([kernel([j, k], [store(on(w, j, k), load(on(wt, k, j)))])], { B: 1, T: 1 }));
    expectClose(
      compare([kernel([j, k], [store(on(w, j, k), unary("neg", load(on(w, j, k))))])], { B: 1, T: 1 }),
    );
    const r = rows("r", [fixed(6), fixed(n)]);
    expectClose(compare([kernel([j, k], [store(on(w, j, k), load(on(r, j, k)))])], { B: 1, T: 1 }));
    expectClose(compare([kernel([j, k], [store(on(r, j, k), load(on(w, j, k)))])], { B: 1, T: 1 }));
  });

  it("gathers and scatters rows", () => {
    const tokens = rows("tokens", [T, B], "i32");
    const table = rows("table", [fixed(7), fixed(5)]);
    const x = rows("x", [T, B, fixed(5)]);
    const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(5))];
    const token = load(on(tokens, t, b));
    const row = access(table, [token, at(j.variable)]);
    const data = new Map([[tokens, [3, 0, 6, 3, 3, 1]]]);
    expectClose(compare([kernel([t, b, j], [store(on(x, t, b, j), load(row))])], { B: 2, T: 3 }, data));
    expectClose(
      compare([kernel([t, b, j], [store(row, load(on(x, t, b, j)), [], true)])], { B: 2, T: 3 }, data),
    );
  });

  it("fills and copies whole buffers", () => {
    const [x, y] = ["x", "y"].map((name) => rows(name, [T, B, fixed(6)])) as [Buffer, Buffer];
    const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(6))];
    expectClose(compare([kernel([t, b, j], [store(on(y, t, b, j), f32(0))])], { B: 2, T: 3 }));
    expectClose(compare([kernel([t, b, j], [store(on(y, t, b, j), load(on(x, t, b, j)))])], { B: 2, T: 3 }));
  });

  it("computes with integers and bools", () => {
    const x = rows("x", [B], "i32");
    const y = rows("y", [B], "i32");
    const z = rows("z", [B]);
    const b = loop("b", B);
    const v = load(on(x, b));
    const data = new Map([[x, [-7, 5, 0, -1, 9, 12, -3]]]);
    for (const fn of ["div", "mod", "max", "min", "mul"] as const) {
      const k = kernel([b], [store(on(y, b), binary(fn, v, i32(fn === "div" ? 2 : 4)))]);
      expectClose(compare([k], { B: 7, T: 1 }, data));
    }
    for (const fn of ["neg", "abs", "sign", "step"] as const)
      expectClose(compare([kernel([b], [store(on(y, b), unary(fn, v))])], { B: 7, T: 1 }, data));
    const test = binary("or", binary("lt", v, i32(0)), unary("not", binary("ge", v, i32(5))));
    expectClose(compare([kernel([b], [store(on(z, b), unary("float", test))])], { B: 7, T: 1 }, data));
    expectClose(compare([kernel([b], [store(on(y, b), unary("int", test))])], { B: 7, T: 1 }, data));
  });
});

describe("row kernels", () => {
  const functions: ReduceFunction[] = ["sum", "prod", "max", "logsumexp", "argmax"];
  const cases = functions.flatMap((fn) => sizes.map((n) => [fn, n] as const));

  it.each(cases)("%s over %i neighbours", (fn, n) => {
    const x = rows("x", [B, fixed(n)]);
    const y = rows("y", [B], fn === "argmax" ? "i32" : "f32");
    const [b, j] = [loop("b", B), loop("j", fixed(n))];
    const result = variable("r");
    const found: Expression = { kind: "reduced", dtype: y.dtype, stage: result };
    const k = kernel(
      [b],
      [{ kind: "reduce", loops: [j], fn, value: load(on(x, b, j)), result }, store(on(y, b), found)],
    );
    expectClose(compare([k], { B: 3, T: 1 }));
  });

  it.each(cases)("%s over time for each of %i", (fn, n) => {
    const x = rows("x", [T, B, fixed(n)]);
    const y = rows("y", [B, fixed(n)], fn === "argmax" ? "i32" : "f32");
    const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(n))];
    const result = variable("r");
    const found: Expression = { kind: "reduced", dtype: y.dtype, stage: result };
    const k = kernel(
      [b, j],
      [{ kind: "reduce", loops: [t], fn, value: load(on(x, t, b, j)), result }, store(on(y, b, j), found)],
    );
    expectClose(compare([k], { B: 2, T: 5 }));
    expectClose(compare([k], { B: 2, T: 0 }));
  });

  it.each(sizes)("softmax of %i in place", (n) => {
    const x = rows("x", [B, fixed(n)]);
    const [b, j] = [loop("b", B), loop("j", fixed(n))];
    const [top, sum] = [variable("top"), variable("sum")];
    const reduced = (stage: typeof top): Expression => ({ kind: "reduced", dtype: "f32", stage });
    const e = unary("exp", binary("sub", load(on(x, b, j)), reduced(top)));
    const k = kernel(
      [b],
      [
        { kind: "reduce", loops: [j], fn: "max", value: load(on(x, b, j)), result: top },
        { kind: "reduce", loops: [j], fn: "sum", value: e, result: sum },
        store(on(x, b, j), binary("div", e, reduced(sum)), [j]),
      ],
    );
    expectClose(compare([k], { B: 3, T: 1 }));
  });

  it("logsumexp of nothing but -inf is -inf, and of +inf is +inf", () => {
    const x = rows("x", [B, fixed(5)]);
    const y = rows("y", [B]);
    const [b, j] = [loop("b", B), loop("j", fixed(5))];
    const result = variable("r");
    const k = kernel(
      [b],
      [
        { kind: "reduce", loops: [j], fn: "logsumexp", value: load(on(x, b, j)), result },
        store(on(y, b), { kind: "reduced", dtype: "f32", stage: result }),
      ],
    );
    const data = new Map([[x, [...new Array(5).fill(-Infinity), 1, 2, Infinity, 3, 4]]]);
    const { actual } = compare([k], { B: 2, T: 1 }, data);
    expect(actual.get(y)).toEqual([-Infinity, Infinity]);
  });
});

describe("loops of no turns", () => {
  it("do nothing, also where the extent is negative", () => {
    const x = rows("x", [T, B]);
    const y = rows("y", [T, fixed(5)]);
    const before = symbolic("T", 1, -3);
    const [t, b, j] = [loop("t", before), loop("b", B), loop("j", fixed(5))];
    const run = (loops: Loop[], to: Access) =>
      expectClose(compare([kernel(loops, [store(to, f32(2))])], { B: 3, T: 2 }));
    run([t, b], on(x, t, b));
    run([b, t], on(x, t, b));
    run([t, j], on(y, t, j));
    const z = rows("z", [T]);
    run([t], on(z, t));
  });
});

describe("time loops", () => {
  it.each([false, true])("run in order, reverse %s", (reverse) => {
    const h = rows("h", [symbolic("T", 1, 1), B, fixed(6)]);
    const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(6))];
    const now = at(t.variable);
    const next = binary("add", now, i32(1));
    const [from, to] = reverse ? [next, now] : [now, next];
    const cell = (i: Expression) => access(h, [i, at(b.variable), at(j.variable)]);
    const value = unary("tanh", binary("add", load(cell(from)), load(cell(to))));
    const body = [kernel([b, j], [store(cell(to), value)])];
    expectClose(compare([{ kind: "loop", loop: t, reverse, body }], { B: 3, T: 4 }));
  });

  it("guard statements with conditions in t", () => {
    const x = rows("x", [T, fixed(3)]);
    const [t, j] = [loop("t", T), loop("j", fixed(3))];
    const condition = binary("eq", binary("mod", at(t.variable), i32(2)), i32(0));
    const last = binary("sub", binary("sub", size(T), i32(1)), at(t.variable));
    const to = access(x, [last, at(j.variable)]);
    const then = [kernel([j], [store(to, unary("float", at(t.variable)))])];
    const body = [{ kind: "if", condition, then } as const];
    expectClose(compare([{ kind: "loop", loop: t, reverse: false, body }], { B: 1, T: 5 }));
  });
});
