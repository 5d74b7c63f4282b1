import { describe, test } from "vitest";
import type { Graph } from "../../src/ir/graph/types.ts";
import { deferWeightGradients } from "../../src/passes/defer-weight-gradients.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { maskPadding } from "../../src/passes/mask-padding.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { simplify } from "../../src/passes/simplify.ts";
import { expectSame } from "./compare.ts";
import { models } from "./models.ts";

describe.each(Object.entries(models))("%s", (_, model) => {
  test.each([simplify, hoist, deferWeightGradients, maskPadding])("$name keeps the gradients", (pass) => {
    const graph = differentiate.run(model());
    expectSame(graph, pass.run(graph));
  });

  test("each pass of the pipeline keeps everything that was there before it", () => {
    let before: Graph = model();
    runPasses(before, graphPasses("training"), {
      observe: ({ graph }) => {
        expectSame(before, graph);
        before = graph;
      },
    });
  });

  test("without merge-gates, the pipeline gives the gradients of the plain graph", () => {
    const passes = graphPasses("training", { without: new Set(["merge-gates"]) });
    const graph = model();
    expectSame(differentiate.run(graph), runPasses(graph, passes));
  });
});
