/** Random graphs, lowered, fused and laid out in memory, compute what the graph's evaluator computes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import { fuse } from "../../src/passes/fuse.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { program, randomGraph } from "../passes/random-graphs.ts";
import { check, environmentOf } from "./harness.ts";

const cases = [
  { batch: 3, lengths: { T: [4, 0, 2], S: [1, 3, 2] }, seed: 3 },
  { batch: 1, lengths: { T: [3], S: [2] }, seed: 4 },
];

/** Large values leave no digits to compare, and no two ways to add agree on infinities. */
function isModerate(graph: Graph): boolean {
  const values = cases.flatMap((given) => [...evaluate(graph, environmentOf(graph, given)).values()]);
  return values.every((tensor) => tensor.data.every((x) => !(Math.abs(x) > 1e4)));
}

const pipelines = { naive: (p: Parameters<typeof fuse>[0]) => p, fuse, whole: compileKernels };

test.each(["inference", "training"] as const)("random graphs for %s", (entry) => {
  fc.assert(
    fc.property(program, fc.constantFrom(...Object.values(pipelines)), (instructions, pipeline) => {
      const graph = randomGraph(instructions);
      fc.pre(isModerate(graph));
      const used = runPasses(graph, graphPasses(entry));
      fc.pre(isModerate(used));
      for (const given of cases) expect(check(used, given, (x) => pipeline(x))).toBeDefined();
    }),
    { numRuns: 300 },
  );
});
