import { describe, expect, test } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import type { Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { graphOf } from "../graph/environments.ts";
import { expectMasked } from "./dense.ts";
import { feature, models, T, weight } from "./models.ts";

describe.each(Object.entries(models))("%s", (_, model) => {
  test("as it is", () => void expectMasked(model()));

  test("after the passes before, with gradients", () => {
    expectMasked(runPasses(model(), graphPasses("training", { without: new Set(["mask-padding"]) })));
  });

  test("without the passes that move sums", () => {
    const without = new Set(["mask-padding", "hoist", "merge-gates", "defer-weight-gradients"]);
    expectMasked(runPasses(model(), graphPasses("training", { without })));
  });
});

describe("reductions", () => {
  const D = feature(3);
  const x = b.input("x", "f32", [T, b.batch, D]);
  const y = b.input("y", "f32", [T, b.batch, D]);
  const masks = (value: Node): number => nodesOf(expectMasked(graphOf({ value })), "select").length;

  test("of what is zero in the padding need no mask", () => {
    expect(masks(b.reduce("sum", x, [T]))).toBe(0);
    expect(masks(b.reduce("sum", b.unary("tanh", b.mul(x, y)), [T, b.batch]))).toBe(0);
    expect(masks(b.contract(x, b.unary("sigmoid", y), [T]))).toBe(0);
  });

  test("of anything else do", () => {
    expect(masks(b.reduce("sum", b.unary("exp", x), [T]))).toBe(1);
    expect(masks(b.reduce("sum", b.add(x, weight("w", [D])), [T]))).toBe(1);
    expect(masks(b.reduce("max", x, [T]))).toBe(1);
    expect(masks(b.reduce("logsumexp", x, [T]))).toBe(1);
    expect(masks(b.reduce("prod", x, [T]))).toBe(1);
    expect(masks(b.reduce("argmax", x, [T]))).toBe(1);
  });

  test("of a product need one operand zero and the other finite", () => {
    const finite = b.unary("sigmoid", y);
    const any = b.unary("log", b.mul(y, y));
    expect(masks(b.contract(finite, b.unary("cos", x), [T]))).toBe(1);
    expect(masks(b.contract(x, any, [T]))).toBe(1);
    expect(masks(b.contract(any, b.unary("log", b.mul(x, x)), [T]))).toBe(2);
  });

  test("over the batch in a scan count the examples that still run", () => {
    const h = b.state("h", { dtype: "f32", axes: [b.batch, D] });
    const g = b.state("g", { dtype: "f32", axes: [D] });
    const e = b.element("x", x.type, T);
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [
        { formal: h, next: b.add(h, e), start: b.filled(0, h.type) },
        { formal: g, next: b.add(g, b.reduce("sum", h, [b.batch])), start: b.filled(0, g.type) },
      ],
      elements: [{ formal: e, sequence: x }],
      outputs: [],
    });
    expect(masks(b.finalState(scan, 1))).toBe(1);
  });

  test("of updates that scatter adds up are masked too", () => {
    const V = feature(5);
    const at = b.input("at", "i32", [T, b.batch]);
    expect(masks(b.scatter(at, x, V, [T]))).toBe(0);
    expect(masks(b.scatter(at, b.unary("cos", x), V, [T, b.batch]))).toBe(1);
  });
});
