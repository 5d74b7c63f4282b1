import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { differentiate, makeDifferentiate } from "../../src/passes/differentiate.ts";
import { makeUnroll, unroll } from "../../src/passes/unroll.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";
import { weighted } from "./gradient-check.ts";
import { elman, features, hidden, hidden2, lossOf, lstm, zeros } from "./models.ts";

const B = b.batch;
const T = b.raggedAxis("T", 0);
const ragged: Case = { batch: 3, lengths: { T: [4, 2, 0] } };
const five = b.fixedAxis("five", 5, 0, "time");
const lossGraph = (loss: Node): Graph => graphOf({ loss }, "loss");

describe("truncation", () => {
  it("equals training on the pieces, the state carried over", () => {
    const long = b.raggedAxis("long", 2);
    const model = elman(long);
    const given: Case = { batch: 2, lengths: { long: [6, 5] } };
    const graph = lossGraph(model.loss);
    const environment = environmentOf(graph, given);
    const cutted = evaluate(makeDifferentiate({ truncate: 3 }).run(graph), environment);
    const whole = evaluate(differentiate.run(graph), environment);
    expect(cutted.get("loss")!.data).toEqual(whole.get("loss")!.data);
    expect(cutted.get("U")!.data).not.toEqual(whole.get("U")!.data);
    const uncut = evaluate(makeDifferentiate({ truncate: 6 }).run(graph), environment);
    expect(uncut.get("U")!.data).toEqual(whole.get("U")!.data);
    // the same by hand: a stop wherever a piece begins
    const { scan } = model;
    const parts = b.scanParts(scan);
    const [{ formal, start }] = parts.states as [(typeof parts.states)[0]];
    const edge = b.binary("eq", b.binary("mod", parts.position, b.constant(3, "i32")), b.constant(0, "i32"));
    const inside = b.binary("and", edge, b.binary("gt", parts.position, b.constant(0, "i32")));
    const h = b.select(inside, b.stop(formal), formal);
    const [W, U, bias] = model.params as [Node, Node, Node];
    const element = parts.elements[0]!;
    const recurrent = b.contract(b.rename(h, hidden, hidden2), U, [hidden2]);
    const next = b.unary("tanh", b.add(b.add(b.contract(element.formal, W, [features]), recurrent), bias));
    const stopped = b.scan({ ...parts, states: [{ formal, start, next }], outputs: [next] });
    const loss = lossOf(
      b.withLabel(b.scanOutput(stopped, 0), "y"),
      b.withLabel(b.finalState(stopped, 0), "last"),
    );
    const expected = evaluate(differentiate.run(lossGraph(loss)), environment);
    for (const [name, tensor] of expected)
      tensor.data.forEach((value, i) => expect(cutted.get(name)!.data[i]).toBeCloseTo(value, 12));
  });
});

describe("padding", () => {
  it("never reaches a loss or a gradient", () => {
    const graph = differentiate.run(lossGraph(lstm(T).loss));
    const results = evaluate(graph, environmentOf(graph, ragged));
    expect(results.size).toBe(16);
    for (const [name, { data }] of results) expect(data.every(Number.isFinite), name).toBe(true);
  });

  it("takes no part: a batch equals the sum of its examples alone", () => {
    const model = elman(T);
    const graph = differentiate.run(lossGraph(model.loss));
    const together = environmentOf(graph, { batch: 2, lengths: { T: [4, 2] } });
    const alone = [0, 1].map((example) => {
      const length = [4, 2][example]!;
      const inputs = new Map(
        [...together.inputs].map(([name, { axes, sizes, data }]) => {
          const time = axes.includes(T);
          const row = sizes.at(-1)!;
          const rows = Array.from({ length: time ? length : 1 }, (_, t) => {
            const at = (t * 2 + example) * row;
            return [...data.subarray(at, at + row)];
          });
          const own = axes.map((axis, k) => (axis === T ? length : axis === B ? 1 : sizes[k]!));
          return [name, { axes, sizes: own, data: Float64Array.from(rows.flat()) }];
        }),
      );
      return evaluate(graph, { ...together, batch: 1, inputs, lengths: new Map([["T", [length]]]) });
    });
    for (const [name, { data }] of evaluate(graph, together))
      data.forEach((x, i) =>
        expect(x).toBeCloseTo((alone[0]!.get(name)!.data[i]! + alone[1]!.get(name)!.data[i]!) / 2, 12),
      );
  });
});

describe("speed", () => {
  it("evaluates a model of 32 units over 20 steps in well under a second", () => {
    const n = b.fixedAxis("n32", 32, 0);
    const n2 = b.fixedAxis("n32'", 32, 1);
    const x = b.input("x", "f32", [T, B, n]);
    const gates = b.fixedAxis("gates", 4, 0, "stack");
    const W = b.param({ name: "W", axes: [gates, n2, n], initialiser: { kind: "glorot" } });
    const e = b.element("x", x.type, T);
    const h = b.state("h", { dtype: "f32", axes: [B, n] });
    const z = b.rename(b.contract(b.add(h, e), W, [n]), n2, n);
    const next = b.unary("tanh", b.mul(b.pick(z, gates, 0), b.unary("sigmoid", b.pick(z, gates, 1))));
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [{ formal: h, next, start: zeros([B, n]) }],
      elements: [{ formal: e, sequence: x }],
      outputs: [next],
    });
    const graph = differentiate.run(lossGraph(weighted(b.scanOutput(scan, 0))));
    const environment = environmentOf(graph, { batch: 8, lengths: { T: [20, 20, 19, 10, 20, 20, 20, 20] } });
    const begin = performance.now();
    evaluate(graph, environment);
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

describe("unroll", () => {
  it("leaves long and ragged scans alone", () => {
    const graph = lossGraph(elman(T).loss);
    expect(unroll.run(graph)).toEqual(graph);
    const long = lossGraph(elman(five).loss);
    expect(nodesOf(makeUnroll(4).run(long), "scan").length).toBe(1);
  });
});
