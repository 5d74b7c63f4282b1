import { describe, expect, test } from "vitest";
import type { Graph } from "../../src/ir/graph/types.ts";
import { hoist } from "../../src/passes/hoist.ts";
import { maskPadding } from "../../src/passes/mask-padding.ts";
import { mergeGates } from "../../src/passes/merge-gates.ts";
import { simplify } from "../../src/passes/simplify.ts";
import { expectSame } from "./compare.ts";
import { models } from "./models.ts";

const order = [simplify, hoist, mergeGates, simplify, maskPadding];

describe.each(Object.entries(models))("%s", (_, model) => {
  test.each([simplify, hoist, mergeGates, maskPadding])("$name keeps the values", (pass) => {
    const graph = model();
    expectSame(graph, pass.run(graph));
  });

  test("so does one after the other", () => {
    const graph = model();
    order.reduce((before: Graph, pass) => {
      const after = pass.run(before);
      expectSame(graph, after);
      return after;
    }, graph);
    expect(simplify.run(simplify.run(graph))).toEqual(simplify.run(graph));
  });
});
