/**
 * Statements divided among threads: whichever goes first between two meetings, every element is what one thread alone
 * computes, to the bit; and what costs time is divided.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeMachine } from "../../src/ir/kernel/eval.ts";
import { printKernels } from "../../src/ir/kernel/print.ts";
import { rangeOf } from "../../src/ir/kernel/share.ts";
import { random } from "../../src/ir/random.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";
import { lower } from "../../src/passes/lower.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { program, randomGraph } from "../passes/random-graphs.ts";
import { type Case, environmentOf, runLowered } from "./harness.ts";
import * as m from "./models.ts";

const orders = [
  [0, 1],
  [1, 0],
  [2, 0, 1],
];

function expectSame(graph: Graph, given: Case): void {
  const lowered = lower("test", [{ name: "main", graph }]);
  const env = environmentOf(graph, given);
  const run = (threads: readonly number[] | null): Map<string, Float64Array> => {
    const divided = compileKernels(lowered.program, { threads: threads !== null });
    return runLowered(lowered, divided, "main", env, given, (p, sizes) =>
      makeMachine(p, sizes, { random, ...(threads ? { threads } : {}) }),
    );
  };
  const wanted = run(null);
  for (const order of orders)
    for (const [name, values] of run(order)) expect(values, name).toEqual(wanted.get(name));
}

test("the ranges of all threads are all points, each once", () => {
  fc.assert(
    fc.property(
      fc.nat(200),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1, max: 9 }),
      (count, by, n) => {
        const ranges = Array.from({ length: n }, (_, thread) => rangeOf(count, by, thread, n));
        expect(ranges[0]!.from).toBe(0);
        expect(ranges.at(-1)!.to).toBe(count);
        ranges.slice(1).forEach(({ from }, k) => expect(from).toBe(ranges[k]!.to));
        for (const { from } of ranges) expect(from % by === 0 || from === count).toBe(true);
      },
    ),
  );
});

describe("random graphs", () => {
  test.each(["inference", "training"] as const)("for %s", (entry) => {
    fc.assert(
      fc.property(program, (instructions) => {
        const graph = runPasses(randomGraph(instructions), graphPasses(entry));
        expectSame(graph, {
          batch: 9,
          lengths: { T: [4, 0, 2, 3, 1, 4, 4, 2, 3], S: [1, 3, 2, 2, 2, 1, 3, 0, 2] },
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a training step", () => {
  const { T, n, v } = m;
  const lossOf = (h: Node): Node => m.crossEntropy(m.affine(h, "out", n, v), m.targets(), T);
  const graph = runPasses(
    m.graphOf(["loss", lossOf(m.lstm(m.sequence(), T).h), "loss"]),
    graphPasses("training"),
  );

  test("is the same", () => {
    expectSame(graph, { batch: 9, lengths: { T: [4, 2, 5, 1, 3, 3, 4, 5, 2] }, classes: 7 });
  });

  test("every product is divided, in loops by examples, of weights' gradients by columns", () => {
    const lowered = lower("test", [{ name: "main", graph }]);
    const text = printKernels(compileKernels(lowered.program, { threads: true }));
    const products = text.split("\n").filter((line) => line.includes(" product "));
    expect(products.length).toBeGreaterThan(4);
    for (const line of products) {
      const isInLoop = line.startsWith("    ");
      const sumsOverTime = /; T'* < T, B'* < B\)/u.test(line);
      if (isInLoop) expect(line).toMatch(/shared B'* by 4$/u);
      else expect(line).toMatch(sumsOverTime ? /shared .* by 8$/u : /shared .* by 4$/u);
    }
    expect(text).not.toContain("meeting");
  });
});
