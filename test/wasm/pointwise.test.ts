/** Random pointwise kernels over buffers that meet them in every way: whole, shifted, broadcast, transposed, gathered. */
import fc from "fast-check";
import { describe, it } from "vitest";
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
  select,
  symbolic,
  unary,
} from "../../src/ir/kernel/build.ts";
import type { Buffer, Expression, Kernel, Stage } from "../../src/ir/kernel/types.ts";
import { compare, expectClose } from "./run.ts";

const [B, T] = [symbolic("B"), symbolic("T")];

interface Case {
  readonly N: number;
  readonly B: number;
  readonly T: number;
  readonly kernel: Kernel;
}

function caseOf(N: number, sizes: { B: number; T: number }, choices: readonly number[]): Case {
  let next = 0;
  const choose = (n: number): number => choices[next++ % choices.length]! % n;
  const buffer = (name: string, dims: Buffer["dims"], dtype: "f32" | "i32" = "f32"): Buffer =>
    rowsBuffer(name, dtype, dims, "temporary");
  const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(N))];
  const [ti, bi, ji] = [at(t.variable), at(b.variable), at(j.variable)];
  const whole = buffer("whole", [T, B, fixed(N)]);
  const wide = buffer("wide", [symbolic("T", 1, 1), B, fixed(3), fixed(N + 2)]);
  const row = buffer("row", [fixed(N)]);
  const column = buffer("column", [T, B]);
  const table = buffer("table", [fixed(4), fixed(N)]);
  const tokens = buffer("tokens", [T, B], "i32");
  const weights = panelsBuffer("weights", [fixed(4), fixed(N)], 1, "parameter");
  const turned = panelsBuffer("turned", [fixed(N), fixed(4)], 1, "parameter");
  const out = buffer("out", [T, B, fixed(N)]);
  const other = buffer("other", [T, B, fixed(2), fixed(N + 3)]);
  const token = load(access(tokens, [ti, bi]));
  const two = binary("mod", ti, i32(4));
  const leaves: readonly (() => Expression)[] = [
    () => load(access(whole, [ti, bi, ji])),
    () =>
      load(access(wide, [binary("add", ti, i32(1)), bi, i32(choose(3)), binary("add", ji, i32(choose(3)))])),
    () => load(access(row, [ji])),
    () => load(access(column, [ti, bi])),
    () => load(access(table, [token, ji])),
    () => load(access(weights, [two, ji])),
    () => load(access(turned, [ji, two])),
    () => unary("float", ji),
    () => unary("float", binary("mod", binary("add", ji, bi), i32(3))),
    () => f32(choose(5) - 2),
  ];
  const shared: Expression[] = [];
  const grow = (depth: number): Expression => {
    if (depth === 0) return leaves[choose(leaves.length)]!();
    if (shared.length > 0 && choose(4) === 0) return shared[choose(shared.length)]!;
    const made = ((): Expression => {
      // What jumps is given exact operands: the interpreter computes in float64.
      const leaf = leaves[choose(leaves.length)]!;
      switch (choose(5)) {
        case 0:
          return unary((["neg", "sigmoid", "tanh", "abs", "softplus"] as const)[choose(5)]!, grow(depth - 1));
        case 1: {
          const condition = binary((["lt", "ge", "ne"] as const)[choose(3)]!, leaf(), f32(choose(3) - 1));
          return select(choose(2) ? condition : unary("not", condition), grow(depth - 1), grow(depth - 1));
        }
        case 2:
          return unary((["floor", "step", "sign"] as const)[choose(3)]!, leaf());
        default:
          return binary(
            (["add", "sub", "mul", "max", "min"] as const)[choose(5)]!,
            grow(depth - 1),
            grow(depth - 1),
          );
      }
    })();
    shared.push(made);
    return made;
  };
  const squash = (e: Expression): Expression => unary("tanh", e);
  const store = (to: Extract<Stage, { kind: "store" }>["to"], value: Expression): Stage => ({
    kind: "store",
    loops: [],
    to,
    value,
    accumulate: choose(3) === 0,
  });
  const stages = [
    store(access(out, [ti, bi, ji]), squash(grow(3))),
    store(access(other, [ti, bi, i32(choose(2)), binary("add", ji, i32(choose(4)))]), squash(grow(2))),
  ].slice(0, 1 + choose(2));
  const loops = [t, b, j];
  return { N, ...sizes, kernel: { kind: "kernel", name: "k", loops, stages } };
}

describe("pointwise kernels", () => {
  it("agree with the interpreter", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 11 }),
        fc.record({ B: fc.integer({ min: 1, max: 5 }), T: fc.integer({ min: 1, max: 4 }) }),
        fc.array(fc.nat(1000), { minLength: 40, maxLength: 40 }),
        (N, sizes, choices) => {
          const { kernel } = caseOf(N, sizes, choices);
          expectClose(compare([kernel], sizes), 2e-5);
        },
      ),
      { numRuns: 150 },
    );
  });
});
