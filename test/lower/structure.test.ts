/** What lowering and fusion promise of the shape of programs: products and kernels a step, and where memory goes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as g from "../../src/ir/graph/build.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import type { Buffer, KernelProgram } from "../../src/ir/kernel/types.ts";
import { touches } from "../../src/ir/kernel/walk.ts";
import { fuse } from "../../src/passes/fuse.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";
import { lower } from "../../src/passes/lower.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { peakBytes } from "../../src/passes/plan-memory.ts";
import { check, kinds, loopBodies } from "./harness.ts";
import * as m from "./models.ts";

const { T, n, v } = m;
const training = (graph: Graph): Graph => runPasses(graph, graphPasses("training"));
const lowered = (graph: Graph): KernelProgram => lower("test", [{ name: "main", graph }]).program;
const lossOf = (h: Node): Node => m.crossEntropy(m.affine(h, "out", n, v), m.targets(), T);

describe("a training step", () => {
  test("of an lstm has one product and one kernel a step, both ways", () => {
    for (const peephole of [false, true]) {
      const loss = lossOf(m.lstm(m.sequence(), T, { peephole }).h);
      const program = fuse(lowered(training(m.graphOf(["loss", loss, "loss"]))));
      expect(loopBodies(program).map(kinds)).toEqual([
        ["product", "kernel"],
        ["kernel", "product"],
      ]);
    }
  });

  test("of an elman layer too", () => {
    const program = fuse(lowered(training(m.graphOf(["loss", lossOf(m.elman(m.sequence(), T).h), "loss"]))));
    expect(loopBodies(program).map(kinds)).toEqual([
      ["product", "kernel"],
      ["kernel", "product"],
    ]);
  });

  test("of a gru has two products a step forward", () => {
    const program = fuse(lowered(training(m.graphOf(["loss", lossOf(m.gru(m.sequence(), T).h), "loss"]))));
    expect(kinds(loopBodies(program)[0]!)).toEqual(["product", "kernel", "product", "kernel"]);
  });

  test("computes no transcendental function twice", () => {
    const program = fuse(lowered(training(m.graphOf(["loss", lossOf(m.lstm(m.sequence(), T).h), "loss"]))));
    const text = JSON.stringify(loopBodies(program)[1], (key, value: unknown) =>
      key === "buffer" || key === "variable" ? undefined : value,
    );
    expect(text).not.toMatch(/"fn":"(tanh|sigmoid|exp)"/);
  });

  test("writes gradients where they are wanted", () => {
    const program = fuse(lowered(training(m.graphOf(["loss", lossOf(m.lstm(m.sequence(), T).h), "loss"]))));
    const { body } = program.entries[0]!;
    const copies = body.filter(
      (s) =>
        s.kind === "kernel" &&
        s.stages.every(
          (x) => x.kind === "store" && x.to.buffer.role === "gradient" && x.value.kind === "load",
        ),
    );
    expect(copies).toEqual([]);
  });
});

/** Buffers of one slot, by an independent measure: the first and last leaf statement, loops as a whole. */
function expectApart(program: KernelProgram): void {
  const { plan } = program;
  for (const entry of program.entries) {
    const span = new Map<Buffer, [number, number]>();
    entry.body.forEach((s, k) => {
      for (const { access } of touches(s)) span.set(access.buffer, [span.get(access.buffer)?.[0] ?? k, k]);
    });
    for (const [a, [firstA, lastA]] of span)
      for (const [b, [firstB, lastB]] of span) {
        if (a === b || a.within || b.within || plan!.slotOf.get(a) !== plan!.slotOf.get(b)) continue;
        const inOneLoop = firstA === lastA && firstB === lastB && firstA === firstB;
        if (!inOneLoop) expect(lastA < firstB || lastB < firstA, `${a.name} and ${b.name}`).toBe(true);
      }
  }
}

describe("plan-memory", () => {
  const layers = { elman: m.elman, lstm: m.lstm, gru: m.gru };
  const model = fc.record({
    layer: fc.constantFrom(...(Object.keys(layers) as (keyof typeof layers)[])),
    isLast: fc.boolean(),
    optimised: fc.boolean(),
    lengths: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
    seed: fc.integer({ min: 1, max: 1000 }),
  });

  test("lets no two live buffers overlap", () => {
    fc.assert(
      fc.property(model, ({ layer, isLast, optimised, lengths, seed }) => {
        const { h, last } = layers[layer](m.sequence(), T);
        const top = isLast ? g.reduce("sum", g.mul(last, last), last.type.axes) : lossOf(h);
        const graph = m.graphOf(["loss", top, "loss"]);
        const used = optimised ? training(graph) : runPasses(graph, graphPasses("inference"));
        expectApart(compileKernels(lowered(used)));
        check(used, { batch: lengths.length, lengths: { T: lengths }, classes: 7, seed }, compileKernels);
      }),
      { numRuns: 40 },
    );
  });

  test("shares memory, and says how much it takes", () => {
    const graph = training(m.graphOf(["loss", lossOf(m.lstm(m.sequence(), T).h), "loss"]));
    const shared = compileKernels(lowered(graph)).plan!;
    const apart = compileKernels(lowered(graph), { without: new Set(["plan-memory"]) }).plan!;
    expect(shared.slots.length).toBeLessThan(apart.slots.length);
    const tokens = (formula: string): number => Number(/(\d+)\*B\*T/.exec(formula)![1]);
    expect(tokens(peakBytes(shared))).toBeLessThan(tokens(peakBytes(apart)));
  });

  test("puts slots of constant size first", () => {
    const { slots } = compileKernels(lowered(m.graphOf(["h", m.lstm(m.sequence(), T).h]))).plan!;
    const constant = slots.map((s) => s.size.every((t) => t.symbols.length === 0));
    expect(constant.lastIndexOf(true)).toBeLessThan(constant.indexOf(false));
  });
});
