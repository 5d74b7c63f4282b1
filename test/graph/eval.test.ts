import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { Node } from "../../src/ir/graph/types.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";

const B = b.batch;
const T = b.raggedAxis("T", 0);
const n = b.fixedAxis("n", 2, 0);
const m = b.fixedAxis("m", 3, 1);
const k = b.fixedAxis("k", 3, 2);

function valueOf(value: Node, given: Case = {}): number[] {
  const graph = graphOf({ value });
  verify(graph);
  return [...evaluate(graph, environmentOf(graph, given)).get("value")!.data];
}

describe("sums", () => {
  it("multiplies matrices", () => {
    const x = b.input("x", "f32", [B, n]);
    const w = b.param({ name: "w", axes: [m, n], initialiser: { kind: "zeros" } });
    // w is given as it is stated: [m, n]
    expect(valueOf(b.contract(x, w, [n]), { values: { x: [1, 2], w: [1, 2, 3, 4, 5, 6] } })).toEqual([
      5, 11, 17,
    ]);
  });

  it("counts only what lies within the length", () => {
    const x = b.input("x", "f32", [T, B]);
    const given: Case = { batch: 2, lengths: { T: [3, 1] }, values: { x: [1, 2, 3, 4, 5, 6] } };
    expect(valueOf(b.reduce("sum", x, [T]), given)).toEqual([9, 2]);
    expect(valueOf(b.reduce("sum", x, [T, B]), given)).toEqual([11]);
    expect(valueOf(b.reduce("max", x, [T]), given)).toEqual([5, 2]);
    expect(valueOf(b.reduce("sum", x, [B]), given)).toEqual([3, 3, 5]);
    expect(valueOf(b.contract(x, x, [T, B]), given)).toEqual([39]);
    expect(valueOf(b.contract(x, x, [T]), given)).toEqual([35, 4]);
    expect(valueOf(b.contract(x, b.unary("float", b.iota(T)), [T]), given)).toEqual([13, 0]);
  });

  it("has the neutral values over nothing", () => {
    const x = b.input("x", "f32", [T, B]);
    const given: Case = { batch: 2, lengths: { T: [1, 0] }, values: { x: [4, 5] } };
    for (const [fn, neutral] of [
      ["sum", 0],
      ["prod", 1],
      ["max", -Infinity],
      ["logsumexp", -Infinity],
      ["argmax", 0],
    ] as const)
      expect(valueOf(b.reduce(fn, x, [T]), given)[1]).toBe(neutral);
  });

  it("takes the lowest index of equals", () => {
    const x = b.input("x", "f32", [B, m]);
    expect(valueOf(b.reduce("argmax", x, [m]), { values: { x: [1, 7, 7] } })).toEqual([1]);
  });

  it("gathers and scatters, and ignores what lies outside", () => {
    const table = b.input("table", "f32", [k]);
    const at = b.input("at", "i32", [B, n]);
    const given: Case = { batch: 2, values: { table: [10, 20, 30], at: [0, 2, 3, -1] } };
    expect(valueOf(b.gather(table, at, k), given)).toEqual([10, 30, 0, 0]);
    const ones = b.filled(1, { dtype: "f32", axes: [B, n] });
    expect(valueOf(b.scatter(at, ones, k, [B, n]), given)).toEqual([1, 0, 1]);
  });
});

describe("axes", () => {
  const x = b.input("x", "f32", [B, m]);
  const given: Case = { values: { x: [1, 2, 3] } };
  const two = b.fixedAxis("two", 2, 3);

  it("picks, slices, places, stacks and concatenates", () => {
    expect(valueOf(b.pick(x, m, 2), given)).toEqual([3]);
    expect(valueOf(b.slice(x, m, 1, two), given)).toEqual([2, 3]);
    expect(valueOf(b.place(b.slice(x, m, 1, two), k, 0, two), given)).toEqual([2, 3, 0]);
    expect(valueOf(b.place(b.pick(x, m, 2), two, 1, null), given)).toEqual([0, 3]);
    expect(valueOf(b.stack([x, b.neg(x)], two), given)).toEqual([1, -1, 2, -2, 3, -3]);
    const five = b.fixedAxis("five", 5, 4);
    expect(valueOf(b.concat([b.slice(x, m, 1, two), x], [two, m], five), given)).toEqual([2, 3, 1, 2, 3]);
  });

  it("renames into another order", () => {
    const square = b.input("square", "f32", [m, k]);
    const z = b.fixedAxis("z", 3, 9);
    const values = { square: [1, 2, 3, 4, 5, 6, 7, 8, 9] };
    expect(valueOf(b.rename(square, m, z), { values })).toEqual([1, 4, 7, 2, 5, 8, 3, 6, 9]);
  });

  it("shifts and reverses within each example's own length", () => {
    const y = b.input("y", "f32", [T, B]);
    const ragged: Case = { batch: 2, lengths: { T: [3, 2] }, values: { y: [1, 2, 3, 4, 5, 6] } };
    expect(valueOf(b.shift(y, T, 1, -1), ragged)).toEqual([-1, -1, 1, 2, 3, NaN]);
    expect(valueOf(b.shift(y, T, -1, 9), ragged)).toEqual([3, 4, 5, 9, 9, NaN]);
    expect(valueOf(b.reverse(y, T), ragged)).toEqual([5, 4, 3, 2, 1, NaN]);
  });

  it("derives lengths of linear axes", () => {
    const u = {
      name: "u",
      kind: "time",
      size: { kind: "linear", of: T, times: 2, plus: 1 },
      order: 1,
    } as const;
    expect(valueOf(b.length(u), { batch: 2, lengths: { T: [3, 0] } })).toEqual([7, 1]);
  });
});

describe("scan", () => {
  const x = b.input("x", "f32", [T, B]);
  const given: Case = { batch: 2, lengths: { T: [3, 1] }, values: { x: [1, 2, 3, 4, 5, 6] } };

  /** h = 2 h[t-1] + x + t */
  function sums(reverse: boolean): Node<"scan"> {
    const formal = b.state("h", { dtype: "f32", axes: [B] });
    const element = b.element("x", x.type, T);
    const position = b.position();
    const time = b.broadcast(b.unary("float", position), [B]);
    const next = b.add(b.add(b.mul(b.constant(2), formal), element), time);
    return b.scan({
      axis: T,
      reverse,
      position,
      states: [{ formal, next, start: b.filled(0, formal.type) }],
      elements: [{ formal: element, sequence: x }],
      outputs: [next],
    });
  }

  it("holds a state past the example's end", () => {
    expect(valueOf(b.finalState(sums(false), 0), given)).toEqual([4 + 8 + 7, 2]);
    expect(valueOf(b.scanOutput(sums(false), 0), given)).toEqual([1, 2, 6, NaN, 19, NaN]);
  });

  it("starts at each example's own last step when it runs backwards", () => {
    expect(valueOf(b.finalState(sums(true), 0), given)).toEqual([28 + 8 + 1, 2]);
    expect(valueOf(b.scanOutput(sums(true), 0), given)).toEqual([37, 2, 18, NaN, 7, NaN]);
  });

  it("sums over the batch only what is still running", () => {
    const element = b.element("x", x.type, T);
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [],
      elements: [{ formal: element, sequence: x }],
      outputs: [b.reduce("sum", element, [B])],
    });
    expect(valueOf(b.scanOutput(scan, 0), given)).toEqual([3, 3, 5]);
  });

  it("draws afresh at each step only where it is asked to, and the same as outside", () => {
    const element = b.element("x", x.type, T);
    const drawn = (fresh: boolean): Node => {
      const noise = b.random("uniform", 5, [B, n], fresh ? [T] : []);
      const scan = b.scan({
        axis: T,
        reverse: false,
        position: b.position(),
        states: [],
        elements: [{ formal: element, sequence: x }],
        outputs: [b.add(noise, element)],
      });
      return b.sub(b.scanOutput(scan, 0), x);
    };
    const lifted = b.random("uniform", 5, [T, B, n], [T]);
    const full: Case = { ...given, lengths: { T: [3, 3] } };
    const [fresh, outside, same] = [
      valueOf(drawn(true), full),
      valueOf(lifted, full),
      valueOf(drawn(false), full),
    ];
    fresh.forEach((value, i) => expect(value).toBeCloseTo(outside[i]!, 12));
    expect(same[0]).toBeCloseTo(same[4]!, 12);
    expect(Math.abs(fresh[0]! - fresh[4]!)).toBeGreaterThan(1e-6);
  });

  it("runs one scan inside another", () => {
    const S = b.raggedAxis("S", 1);
    const y = b.input("y", "f32", [T, S, B]);
    const outer = b.element("row", y.type, T);
    const inner = b.element("cell", outer.type, S);
    const total = b.state("total", { dtype: "f32", axes: [B] });
    const row = b.scan({
      axis: S,
      reverse: false,
      position: b.position(),
      states: [{ formal: total, next: b.add(total, inner), start: b.filled(0, total.type) }],
      elements: [{ formal: inner, sequence: outer }],
      outputs: [],
    });
    const best = b.state("best", { dtype: "f32", axes: [B] });
    const table = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [
        { formal: best, next: b.binary("max", best, b.finalState(row, 0)), start: b.filled(-1, best.type) },
      ],
      elements: [{ formal: outer, sequence: y }],
      outputs: [b.finalState(row, 0)],
    });
    const values = { y: [1, 2, 3, 4, 5, 6, 7, 8] };
    const nested: Case = { batch: 2, lengths: { T: [2, 1], S: [1, 2] }, values };
    expect(valueOf(b.finalState(table, 0), nested)).toEqual([5, 6]);
    expect(valueOf(b.scanOutput(table, 0), nested)).toEqual([1, 6, 5, NaN]);
  });
});

describe("verify", () => {
  it("refuses a formal outside of its scan", () => {
    expect(() => verify(graphOf({ y: b.neg(b.position()) }))).toThrow(/escapes/);
  });

  it("refuses a capture with the scanned axis", () => {
    const x = b.input("x", "f32", [T, B]);
    const scan = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [],
      elements: [],
      outputs: [b.reduce("sum", x, [T])],
    });
    expect(() => verify(graphOf({ y: b.scanOutput(scan, 0) }))).not.toThrow();
    const formal = b.element("x", x.type, T);
    const wrong = b.scan({
      axis: T,
      reverse: false,
      position: b.position(),
      states: [],
      elements: [{ formal, sequence: x }],
      outputs: [b.reduce("sum", b.mul(x, formal), [T])],
    });
    expect(() => verify(graphOf({ y: b.scanOutput(wrong, 0) }))).toThrow(/captures/);
  });

  it("refuses two axes of one name, and a type that is not its op's", () => {
    const x = b.input("x", "f32", [T, B]);
    const other = b.input("z", "f32", [b.raggedAxis("T", 5), B]);
    const sum = (y: Node): Node => b.reduce("sum", y, y.type.axes);
    expect(() => verify(graphOf({ y: b.add(sum(x), sum(other)) }))).toThrow(/named T/);
    const wrong = { ...b.neg(x), type: { dtype: "f32", axes: [B] } } as Node;
    expect(() => verify(graphOf({ y: wrong }))).toThrow(/type should be f32\[T, B\]/);
  });
});
