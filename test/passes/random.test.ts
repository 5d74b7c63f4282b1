import fc from "fast-check";
import { test } from "vitest";
import type { Graph } from "../../src/ir/graph/types.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { deferWeightGradients } from "../../src/passes/defer-weight-gradients.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { maskPadding } from "../../src/passes/mask-padding.ts";
import { mergeGates } from "../../src/passes/merge-gates.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { simplify } from "../../src/passes/simplify.ts";
import { environmentOf } from "../graph/environments.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { expectSame, ragged } from "./compare.ts";
import { expectMasked } from "./dense.ts";
import { program, randomGraph } from "./random-graphs.ts";

const passes = [simplify, hoist, mergeGates, deferWeightGradients, maskPadding];

/** Large values leave no digits to compare. */
function moderate(graph: Graph): boolean {
  const values = [...evaluate(graph, environmentOf(graph, ragged)).values()];
  return values.every((tensor) => tensor.data.every((x) => !(Math.abs(x) > 1e4)));
}

test.each(passes)("$name keeps the values of random graphs", (pass) => {
  fc.assert(
    fc.property(program, (instructions) => {
      const graph = randomGraph(instructions);
      verify(graph);
      fc.pre(moderate(graph));
      expectSame(graph, pass.run(graph), ragged, 1e-10);
    }),
    { numRuns: 100 },
  );
});

test("the pipeline keeps values and gradients of random graphs", () => {
  fc.assert(
    fc.property(program, (instructions) => {
      const graph = randomGraph(instructions);
      fc.pre(moderate(graph));
      const without = new Set(["merge-gates"]);
      expectSame(
        differentiate.run(graph),
        runPasses(graph, graphPasses("training", { without })),
        ragged,
        1e-9,
      );
      runPasses(graph, graphPasses("training"));
    }),
    { numRuns: 100 },
  );
});

test("masks make padding harmless in random graphs", () => {
  fc.assert(
    fc.property(program, (instructions) => {
      const graph = randomGraph(instructions);
      fc.pre(moderate(graph));
      expectMasked(graph);
      expectMasked(
        runPasses(graph, graphPasses("training", { without: new Set(["mask-padding"]) }), { verify: false }),
      );
    }),
    { numRuns: 100 },
  );
});
