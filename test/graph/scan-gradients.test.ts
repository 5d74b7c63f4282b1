import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { Axis, Graph, Node } from "../../src/ir/graph/types.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { unroll } from "../../src/passes/unroll.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";
import { checkGradients, weighted } from "./gradient-check.ts";
import { elman, hidden, hidden2, lossOf, lstm, zeros } from "./models.ts";

const B = b.batch;
const T = b.raggedAxis("T", 0);
const ragged: Case = { batch: 3, lengths: { T: [4, 2, 0] } };
const five = b.fixedAxis("five", 5, 0, "time");

const lossGraph = (loss: Node): Graph => graphOf({ loss }, "loss");

/** Gradients by the scan's rule and of the unrolled graph, in either order. */
function expectSameUnrolled(loss: Node, given: Case): void {
  const graph = lossGraph(loss);
  const environment = environmentOf(graph, given);
  const byRule = differentiate.run(graph);
  const straight = differentiate.run(unroll.run(graph));
  const after = unroll.run(byRule);
  for (const each of [byRule, straight, after]) verify(each);
  expect(nodesOf(straight, "scan")).toEqual([]);
  expect(nodesOf(after, "scan")).toEqual([]);
  const expected = evaluate(byRule, environment);
  expect(expected.size).toBeGreaterThan(1);
  for (const each of [straight, after]) {
    const actual = evaluate(each, environment);
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensor] of expected)
      tensor.data.forEach((x, i) => expect(actual.get(name)!.data[i], name).toBeCloseTo(x, 10));
  }
}

describe("cells", () => {
  it.each([false, true])("elman, backwards: %s", (reverse) => {
    const model = elman(T, { reverse });
    checkGradients(model.loss, [...model.params, ...model.inputs], ragged);
    expectSameUnrolled(elman(five, { reverse }).loss, { batch: 2 });
  });

  it("elman with a learned start", () => {
    const h0 = b.param({ name: "h0", axes: [hidden], initialiser: { kind: "zeros" } });
    const model = elman(T, { start: b.broadcast(h0, [B]) });
    checkGradients(model.loss, [...model.params, h0], ragged);
  });

  it("lstm with peepholes", () => {
    const model = lstm(T);
    checkGradients(model.loss, [...model.params, ...model.inputs], ragged);
    expectSameUnrolled(lstm(five).loss, { batch: 2 });
  });

  it("two layers, the second backwards", () => {
    const first = elman(T);
    const y = b.scanOutput(first.scan, 0);
    const second = elman(T, {
      sequence: y,
      reverse: true,
      start: b.finalState(first.scan, 0),
      name: "second",
    });
    checkGradients(second.loss, first.params, ragged);
    checkGradients(b.add(first.loss, second.loss), [...first.inputs], ragged);
    verify(differentiate.run(lossGraph(second.loss)));
  });

  it("keeps only what the gradient needs", () => {
    const graph = differentiate.run(lossGraph(lstm(T).loss));
    const [forward, backward] = nodesOf(graph, "scan");
    // h, its four gates, tanh of the cell, and the histories of c and h
    expect(forward!.attributes.outputs.map((node) => `${node.op}`).sort()).toEqual(
      ["binary", "state", "state", "unary", "unary", "unary", "unary", "unary"].sort(),
    );
    expect(backward!.attributes.reverse).toBe(true);
    const names = backward!.attributes.states.map((s) => s.formal.attributes.name);
    expect(names.slice(0, 2)).toEqual(["dc", "dh"]);
    expect(new Set(names).size).toBe(2 + 15);
  });
});

describe("scans of other kinds", () => {
  const x = b.input("x", "f32", [T, B, hidden]);
  const xt = (): Node<"element"> => b.element("x", x.type, T);

  interface Body {
    readonly next: Node;
    readonly outputs: readonly Node[];
  }

  function scanned(make: (h: Node, x: Node, t: Node) => Body, start: Node, reverse = false): Node<"scan"> {
    const [formal, element, position] = [b.state("h", start.type), xt(), b.position()];
    const { next, outputs } = make(formal, element, position);
    return b.scan({
      axis: T,
      reverse,
      position,
      states: [{ formal, next, start }],
      elements: [{ formal: element, sequence: x }],
      outputs,
    });
  }

  const start = b.input("start", "f32", [B, hidden]);

  it("a state that is an output, an element used twice, a selection by position", () => {
    const scan = scanned((h, e, t) => {
      const even = b.binary("eq", b.binary("mod", t, b.constant(2, "i32")), b.constant(0, "i32"));
      return { next: b.select(even, b.mul(e, h), b.add(e, b.unary("sin", e))), outputs: [h, b.mul(e, e)] };
    }, start);
    const loss = lossOf(
      b.scanOutput(scan, 0),
      b.withLabel(b.scanOutput(scan, 1), "s"),
      b.withLabel(b.finalState(scan, 0), "f"),
    );
    checkGradients(loss, [x, start], ragged);
  });

  it("a sequence read twice, once backwards", () => {
    const [a, c] = [b.element("a", x.type, T), b.element("c", x.type, T)];
    const formal = b.state("h", start.type);
    const scan = b.scan({
      axis: T,
      reverse: true,
      position: b.position(),
      states: [{ formal, next: b.add(b.mul(a, c), b.mul(formal, c)), start }],
      elements: [
        { formal: a, sequence: x },
        { formal: c, sequence: b.reverse(x, T) },
      ],
      outputs: [],
    });
    checkGradients(weighted(b.finalState(scan, 0)), [x, start], ragged);
  });

  it("a state that only another state reads, and one that nothing reads", () => {
    const types = { dtype: "f32", axes: [B, hidden] } as const;
    const [p, q, r] = [b.state("p", types), b.state("q", types), b.state("r", types)];
    const e = xt();
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [
        { formal: p, next: b.add(e, b.mul(p, b.constant(0.5))), start },
        { formal: q, next: b.mul(p, q), start: zeros([B, hidden]) },
        { formal: r, next: b.mul(p, e), start: zeros([B, hidden]) },
      ],
      elements: [{ formal: e, sequence: x }],
      outputs: [b.unary("exp", q)],
    });
    checkGradients(weighted(b.finalState(scan, 2)), [x, start], ragged);
    checkGradients(weighted(b.scanOutput(scan, 0)), [x, start], ragged);
    const graph = differentiate.run(lossGraph(weighted(b.finalState(scan, 2))));
    expect(graph.outputs.length).toBe(1);
  });

  it("an integer state, a random mask, a stop", () => {
    const W = b.param({ name: "W", axes: [hidden], initialiser: { kind: "ones" } });
    const count = b.state("count", { dtype: "i32", axes: [B] });
    const h = b.state("h", start.type);
    const e = xt();
    const mask = b.binary("lt", b.random("uniform", 3, [B, hidden], [T]), b.constant(0.5));
    const noise = b.random("normal", 4, [B, hidden], [T]);
    const next = b.select(mask, b.mul(b.mul(h, W), b.add(e, noise)), b.add(h, b.stop(b.mul(e, e))));
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [
        {
          formal: count,
          next: b.add(count, b.constant(1, "i32")),
          start: b.filled(0, { dtype: "i32", axes: [B] }),
        },
        { formal: h, next, start },
      ],
      elements: [{ formal: e, sequence: x }],
      outputs: [b.mul(next, b.unary("float", count))],
    });
    checkGradients(weighted(b.scanOutput(scan, 0)), [W, start], ragged);
  });

  it("attention: a captured memory with an axis and lengths of its own", () => {
    const S = b.raggedAxis("S", 1);
    const memory = b.input("memory", "f32", [S, B, hidden]);
    const scan = scanned((h, e) => {
      const scores = b.contract(memory, b.unary("tanh", b.add(h, e)), [hidden]);
      const weights = b.unary("exp", b.sub(scores, b.reduce("logsumexp", scores, [S])));
      const read = b.contract(weights, memory, [S]);
      return { next: read, outputs: [b.reduce("max", scores, [S]), read] };
    }, start);
    const given: Case = { batch: 3, lengths: { T: [3, 2, 1], S: [1, 3, 2] } };
    const loss = b.add(weighted(b.scanOutput(scan, 0), "a"), weighted(b.scanOutput(scan, 1), "c"));
    checkGradients(loss, [x, memory, start], given);
  });

  it("a capture put out as it is, and a sum over the running examples", () => {
    const W = b.param({ name: "W", axes: [hidden], initialiser: { kind: "ones" } });
    const scan = scanned((h, e) => {
      const mean = b.reduce("sum", b.mul(e, h), [B]);
      return { next: b.add(h, b.broadcast(b.mul(W, mean), [B])), outputs: [W] };
    }, start);
    checkGradients(
      b.add(weighted(b.scanOutput(scan, 0)), weighted(b.finalState(scan, 0), "f")),
      [W, x, start],
      ragged,
    );
  });

  it("a lattice: logsumexp over shifted states, -inf at the start", () => {
    const u = b.fixedAxis("u", 3, 8, "named");
    const e = b.input("e", "f32", [T, B, u]);
    const [formal, element] = [b.state("α", { dtype: "f32", axes: [B, u] }), b.element("e", e.type, T)];
    const pair = b.fixedAxis("pair", 2, 0, "stack");
    const before = b.stack([formal, b.shift(formal, u, 1, -Infinity)], pair);
    const first = b.select(
      b.binary("eq", b.iota(u), b.constant(0, "i32")),
      b.constant(0),
      b.filled(-Infinity, { dtype: "f32", axes: [u] }),
    );
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [
        {
          formal,
          next: b.add(element, b.reduce("logsumexp", before, [pair])),
          start: b.broadcast(first, [B]),
        },
      ],
      elements: [{ formal: element, sequence: e }],
      outputs: [],
    });
    const paths = b.reduce("logsumexp", b.finalState(scan, 0), [u]);
    checkGradients(weighted(paths), [e], ragged);
  });

  it("scans within scans, the inner state starting from the outer, with captures of every level", () => {
    const S = b.raggedAxis("S", 1);
    const grid = b.input("grid", "f32", [T, S, B, hidden]);
    const W = b.param({ name: "W", axes: [hidden2, hidden], initialiser: { kind: "ones" } });
    const row = b.element("row", grid.type, T);
    const outer = b.state("outer", start.type);
    const scale = b.unary("tanh", outer);
    const inner = b.state("inner", start.type);
    const cell = b.element("cell", row.type, S);
    const product = b.contract(b.rename(inner, hidden, hidden2), W, [hidden2]);
    const step = b.unary("tanh", b.add(b.mul(b.add(product, cell), scale), b.unary("sin", cell)));
    const across = b.scan({
      axis: S,
      reverse: true,
      position: b.position(),
      states: [{ formal: inner, next: step, start: b.mul(outer, b.constant(0.5)) }],
      elements: [{ formal: cell, sequence: row }],
      outputs: [b.mul(step, scale)],
    });
    const pooled = b.reduce("sum", b.scanOutput(across, 0), [S]);
    const down = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [{ formal: outer, next: b.unary("tanh", b.add(b.finalState(across, 0), pooled)), start }],
      elements: [{ formal: row, sequence: grid }],
      outputs: [b.scanOutput(across, 0)],
    });
    const given: Case = { batch: 3, lengths: { T: [3, 2, 1], S: [1, 3, 2] } };
    const loss = b.add(weighted(b.scanOutput(down, 0)), weighted(b.finalState(down, 0), "f"));
    checkGradients(loss, [W, grid, start], given);
  });

  it("scans of scans of scans agree with the straight code", () => {
    const axes: readonly [Axis, Axis, Axis] = [
      b.fixedAxis("t1", 2, 1, "time"),
      b.fixedAxis("t2", 3, 2, "time"),
      b.fixedAxis("t3", 2, 3, "time"),
    ];
    const W = b.param({ name: "W", axes: [hidden], initialiser: { kind: "ones" } });
    const nest = (depth: number, value: Node, sequence: Node): Node => {
      const axis = axes[depth];
      if (!axis) return b.unary("tanh", b.add(b.mul(value, W), sequence));
      const formal = b.state(`s${depth}`, start.type);
      const element = b.element(`e${depth}`, sequence.type, axis);
      const position = b.position();
      const time = b.unary("float", b.add(position, b.constant(1, "i32")));
      const scan = b.scan({
        axis,
        reverse: depth === 1,
        position,
        states: [{ formal, next: b.mul(nest(depth + 1, formal, element), time), start: value }],
        elements: [{ formal: element, sequence }],
        outputs: [],
      });
      return b.add(b.finalState(scan, 0), value);
    };
    const cube = b.input("cube", "f32", [...axes, B, hidden]);
    const loss = weighted(nest(0, start, cube));
    checkGradients(loss, [W, cube, start], { batch: 2 });
    expectSameUnrolled(loss, { batch: 2 });
  });

  it("gradients of gradients", () => {
    const model = elman(five);
    const once = differentiate.run(lossGraph(model.loss));
    const dU = once.outputs.find((o) => o.name === "U")!.value;
    const [U] = nodesOf(once, "param").filter((node) => node.attributes.name === "U");
    checkGradients(weighted(dU), [U!], { batch: 2 });
  });
});
