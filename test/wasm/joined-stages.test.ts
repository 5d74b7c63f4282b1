/** Stages over a row that go together compute what they do one after another: random kernels of stores and reductions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  access,
  at,
  binary,
  f32,
  fixed,
  i32,
  load,
  loop,
  rowsBuffer,
  symbolic,
  variable,
} from "../../src/ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Loop,
  Stage,
} from "../../src/ir/kernel/types.ts";
import { verifyKernels } from "../../src/ir/kernel/verify.ts";
import { joinStages } from "../../src/passes/join-stages.ts";
import { comparer, expectClose, numbers, programOf } from "./run.ts";

const B = symbolic("B");
const width = 7;
const buffers = ["x", "y", "z"].map((name) => rowsBuffer(name, "f32", [B, fixed(width + 1)], "parameter"));
const wide = rowsBuffer("wide", "f32", [fixed(width)], "parameter");
const totals = rowsBuffer("totals", "f32", [B], "parameter");
const b = loop("b", B);

/** One choice a number: what is stored where, and of what. */
function kernelOf(choices: readonly (readonly number[])[]): Kernel {
  const results: Expression[] = [];
  const stages = choices.map(([kind, first, second, place, fn]): Stage => {
    const j = loop("j", fixed(width));
    const isReduce = kind! % 4 === 0;
    const to = buffers[place! % 3]!;
    const shift = kind! % 7 === 6 ? 1 : 0;
    const leaf = (n: number): Expression => {
      const x = buffers[n % 3]!;
      const own = load(rowAt(to, j, shift));
      // A stage that stores has points in any order: it may load no other element of what it stores to.
      const others =
        !isReduce && x === to
          ? [own]
          : [load(rowAt(x, j, 1)), load(access(x, [at(b.variable), i32(n % width)]))];
      const options = [
        own,
        ...buffers.filter((x) => isReduce || x !== to).map((x) => load(rowAt(x, j, 0))),
        ...others,
        load(access(wide, [at(j.variable)])),
        ...results.slice(-1),
      ];
      return options[n % options.length]!;
    };
    const value = binary((["add", "mul", "max"] as const)[fn! % 3]!, leaf(first!), leaf(second!));
    if (isReduce) {
      const result = variable("r");
      results.push({ kind: "reduced", dtype: "f32", stage: result });
      return {
        kind: "reduce",
        loops: [j],
        fn: (["sum", "max", "logsumexp"] as const)[place! % 3]!,
        value,
        result,
      };
    }
    if (kind! % 4 === 1 && results.length > 0)
      return {
        kind: "store",
        loops: [],
        to: access(totals, [at(b.variable)]),
        value: results.at(-1)!,
        accumulate: false,
      };
    return {
      kind: "store",
      loops: [j],
      to: rowAt(to, j, shift),
      value,
      accumulate: kind! % 5 === 4,
    };
  });
  // Everything is wanted by somebody.
  const all = results.reduce((sum, r) => binary("add", sum, r), f32(1));
  const last: Stage = {
    kind: "store",
    loops: [],
    to: access(totals, [at(b.variable)]),
    value: all,
    accumulate: false,
  };
  return { kind: "kernel", name: "rows", loops: [b], stages: [...stages, last] };
}

const rowAt = (buffer: Buffer, { variable }: Loop, plus: number): Access => {
  const j = at(variable);
  return access(buffer, [at(b.variable), plus === 0 ? j : binary("add", j, i32(plus))]);
};

const joined = (kernel: Kernel): Kernel => {
  const program: KernelProgram = { ...programOf([kernel], ["B"]), plan: null };
  return verifyKernels(joinStages(program), "join-stages").entries[0]!.body[0] as Kernel;
};

const choice = fc.array(fc.nat(1000), { minLength: 5, maxLength: 5 });

describe("joined stages", () => {
  test("agree with the same stages apart, in the interpreter and in a module", () => {
    let joins = 0;
    fc.assert(
      fc.property(fc.array(choice, { minLength: 2, maxLength: 9 }), (choices) => {
        const apart = kernelOf(choices);
        const together = joined(apart);
        joins += together.stages.filter((s) => s.joins).length;
        const examples = 3;
        const sizeOf = ({ dims }: Buffer): number =>
          dims.reduce((n, d) => n * (d.symbol ? examples : d.plus), 1);
        const data = new Map(
          [...buffers, wide, totals].map((x, k) => [x, numbers(sizeOf(x), k + 1)] as const),
        );
        const [one, other] = [apart, together].map((k) => comparer([k], ["B"])({ B: examples }, data));
        expect(other!.expected).toEqual(one!.expected);
        expectClose(other!, 1e-5);
      }),
      { numRuns: 300 },
    );
    expect(joins).toBeGreaterThan(100);
  });

  test("what only they hand on is not stored", () => {
    const [j, k] = [loop("j", fixed(width)), loop("k", fixed(width))];
    const [x] = buffers as [Buffer];
    const between = rowsBuffer("between", "f32", [B, fixed(width)], "temporary");
    const result = variable("r");
    const kernel: Kernel = {
      kind: "kernel",
      name: "rows",
      loops: [b],
      stages: [
        {
          kind: "store",
          loops: [j],
          to: rowAt(between, j, 0),
          value: binary("mul", load(rowAt(x, j, 0)), f32(2)),
          accumulate: false,
        },
        { kind: "reduce", loops: [k], fn: "sum", value: load(rowAt(between, k, 0)), result },
        {
          kind: "store",
          loops: [],
          to: access(totals, [at(b.variable)]),
          value: { kind: "reduced", dtype: "f32", stage: result },
          accumulate: false,
        },
      ],
    };
    expect(joined(kernel).stages.map((s) => s.kind)).toEqual(["reduce", "store"]);
  });
});
