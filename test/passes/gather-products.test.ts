/** Lookups after products: the same values and gradients, and one small product instead of a large one. */
import { describe, expect, test } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { makeGatherProducts } from "../../src/passes/gather-products.ts";
import { expectSame } from "./compare.ts";
import { feature, primed, T, weight } from "./models.ts";

/** A layer over looked-up words; the vocabulary is as large as the vectors, so that axes of one size meet. */
function lookedUp(): Graph {
  const [D, H] = [feature(4), feature(3)];
  const entries = primed(D);
  const column = b.fixedAxis("d4''", 4, 2000, "named");
  const words = b.input("words", "i32", [b.batch, T]);
  const vectors = b.rename(b.gather(weight("E", [entries, D]), words, entries), D, column);
  const sum: Node = b.add(b.contract(vectors, weight("W", [H, column]), [column]), weight("b", [H]));
  const loss = b.reduce("sum", b.mul(b.unary("tanh", sum), sum), [b.batch, T, H]);
  return { name: "lookup", outputs: [{ name: "loss", role: "loss", value: loss }] };
}

const pass = makeGatherProducts({ lookups: 100 });

describe("gather-products", () => {
  test("keeps values and gradients", () => {
    const graph = lookedUp();
    expectSame(differentiate.run(graph), differentiate.run(pass.run(graph)));
  });

  test("multiplies the table, with what is added to every entry", () => {
    const after = pass.run(lookedUp());
    const [product] = nodesOf(after, "contract");
    expect(product!.type.axes.map((axis) => axis.name)).toEqual(["entries.4", "d3"]);
    const [lookup] = nodesOf(after, "gather");
    expect(lookup!.operands[0]!.op).toBe("binary");
  });

  test("leaves a table alone that is larger than what is looked up", () => {
    const before = lookedUp();
    const after = makeGatherProducts({ lookups: 4 }).run(before);
    expect(nodesOf(after, "contract")[0]).toBe(nodesOf(before, "contract")[0]);
  });
});
