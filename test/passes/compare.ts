/** Whether two graphs compute the same, and the smallest ways to look at a graph's structure. */
import { expect } from "vitest";
import type { Environment } from "../../src/ir/graph/eval.ts";
import { evaluate, withPadding } from "../../src/ir/graph/eval.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { bodyNodes, nodesOf } from "../../src/ir/graph/walk.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { environmentOf, type Case } from "../graph/environments.ts";

export const ragged: Case = {
  batch: 3,
  lengths: { T: [4, 0, 2], S: [1, 3, 2] },
  seed: 3,
};

/** Every output of `before` is one of `after`, to the tolerance relative to the largest element. */
export function expectSame(before: Graph, after: Graph, given: Case = ragged, tolerance = 1e-12): void {
  verify(after);
  const environment = environmentOf(before, given);
  expectSameIn(before, after, environment, tolerance);
}

export function expectSameIn(before: Graph, after: Graph, environment: Environment, tolerance = 1e-12): void {
  const expected = withPadding(evaluate(before, environment), 0, environment);
  const actual = withPadding(evaluate(after, environment), 0, environment);
  for (const { name, role } of before.outputs) {
    const a = expected.get(name)!;
    if (role === "gradient" && !actual.has(name)) {
      // A parameter that turned out to have no influence has no gradient any more.
      expect(a.data.every((x) => x === 0)).toBe(true);
      continue;
    }
    const b = actual.get(name)!;
    expect(b.axes, name).toEqual(a.axes);
    const scale = a.data.reduce((max, x) => Math.max(max, Math.abs(x)), 1e-3);
    a.data.forEach((x, k) => {
      expect(x, `${name}[${k}]`).not.toBeNaN();
      if (x === b.data[k]) return;
      expect(Math.abs(x - b.data[k]!) / scale, `${name}[${k}]: ${x} and ${b.data[k]}`).toBeLessThan(
        tolerance,
      );
    });
  }
}

export const scansOf = (graph: Graph): readonly Node<"scan">[] => nodesOf(graph, "scan");

/** The products in a scan's own body. */
export function productsIn(scan: Node<"scan">): readonly Node<"contract">[] {
  return bodyNodes(scan).filter((node): node is Node<"contract"> => node.op === "contract");
}

/** The products outside of all scans. */
export function productsOutside(graph: Graph): readonly Node<"contract">[] {
  const inside = new Set<Node>(scansOf(graph).flatMap(bodyNodes));
  return nodesOf(graph, "contract").filter((node) => !inside.has(node));
}

export const axisNames = (node: Node): readonly string[] => node.type.axes.map((axis) => axis.name);
