import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { print } from "../../src/ir/graph/print.ts";
import { read } from "../../src/ir/graph/read.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { topological } from "../../src/ir/graph/walk.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";
import { checkGradients } from "./gradient-check.ts";
import { randomGraph } from "./random-graph.ts";

const choices = fc.array(fc.nat(1 << 16), { minLength: 1, maxLength: 12 });
const given: Case = { batch: 2, lengths: { T: [3, 1] } };

describe("random graphs", () => {
  it("have gradients that agree with differences", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const { loss, wanted } = randomGraph(list);
        // a constant that is stopped is a constant to the rule, not to differences
        fc.pre(!topological([loss]).some((node) => node.op === "stop"));
        checkGradients(loss, wanted, given);
      }),
      { numRuns: 120 },
    );
  });

  it("print, read and evaluate alike, gradients too", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const graph = differentiate.run(graphOf({ loss: randomGraph(list).loss }, "loss"));
        const text = print(graph);
        const again = read(text);
        verify(again);
        expect(print(again)).toBe(text);
        const environment = environmentOf(graph, given);
        const axes = new Map(
          topological(again.outputs.map((o) => o.value)).flatMap((x) => x.type.axes.map((a) => [a.name, a])),
        );
        const inputs = new Map(
          [...environment.inputs].map(([name, x]) => [
            name,
            { ...x, axes: x.axes.map((a) => axes.get(a.name)!) },
          ]),
        );
        const params = new Map(
          [...environment.params].map(([name, x]) => [
            name,
            { ...x, axes: x.axes.map((a) => axes.get(a.name)!) },
          ]),
        );
        const expected = evaluate(graph, environment);
        for (const [name, { data }] of evaluate(again, { ...environment, inputs, params }))
          expect(data).toEqual(expected.get(name)!.data);
      }),
      { numRuns: 120 },
    );
  });
});

describe("print", () => {
  it("is one line a node, and blocks", () => {
    const T = b.raggedAxis("T", 0);
    const n = b.fixedAxis("n", 3, 0);
    const x = b.input("x", "f32", [T, b.batch, n]);
    const decay = b.param({ name: "decay", axes: [n], initialiser: { kind: "constant", value: 0.5 } });
    const formal = b.state("h", { dtype: "f32", axes: [b.batch, n] });
    const element = b.element("now", x.type, T);
    const next = b.add(b.mul(formal, decay), element);
    const scan = b.scan(
      {
        axis: T,
        reverse: true,
        position: b.position(),
        states: [{ formal, next, start: b.filled(0, formal.type) }],
        elements: [{ formal: element, sequence: x }],
        outputs: [next],
      },
      "decaying",
    );
    const u = {
      name: "2 T",
      kind: "time",
      size: { kind: "linear", of: T, times: 2, plus: 1 },
      order: 1,
    } as const;
    const graph = graphOf({ y: b.shift(b.scanOutput(scan, 0), T, 1, -Infinity), "|u|": b.length(u) });
    expect(print(graph)).toMatchInlineSnapshot(`
      "graph test
      axis T time 0 ragged
      axis "2 T" time 1 linear T * 2 + 1
      axis B batch 0 batch
      axis n feature 0 3
      parameter decay [n] constant 0.5

      %0: f32[] = constant 0
      %1: f32[B, n] = broadcast [B, n] %0
      %x: f32[T, B, n] = input x
      %decay: f32[n] = param decay decay
      %decaying = scan [T] reverse {
        position %2
        state h %h: f32[B, n] = %1
        element now %now: f32[B, n] = %x
        %3: f32[B, n] = mul %h, %decay
        %4: f32[B, n] = add %3, %now
        next %4
        output %4
      }
      %5: f32[T, B, n] = output 0 %decaying
      %6: f32[T, B, n] = shift [T] 1 -inf %5
      %7: i32[B] = length ["2 T"]

      predict y = %6
      predict |u| = %7
      "
    `);
    expect(print(read(print(graph)))).toBe(print(graph));
  });

  it("keeps labels that are not unique or no names, merged parameters, and all attributes", () => {
    const k = b.fixedAxis("k", 4, 0, "stack");
    const n = b.fixedAxis("n", 2, 0);
    const members = ["i", "f", "g", "as"].map((name) => ({
      name,
      axes: [n],
      initialiser: { kind: "normal", deviation: 0.1 } as const,
    }));
    const W = b.mergedParam("gates", members, k);
    const noise = b.random("normal", 2, [b.batch, n], []);
    const y = b.withLabel(b.mul(b.broadcast(W, [b.batch]), noise), "as");
    const z = b.withLabel(b.withLabel(b.neg(y), "7"), "7");
    const both = [b.withLabel(b.unary("exp", z), "same"), b.withLabel(b.unary("log", z), "same")];
    const to = b.fixedAxis("to", 5, 1);
    const placed = b.place(b.pick(b.add(both[0]!, both[1]!), n, 1), to, 2, null);
    const cut = b.concat([b.slice(b.pick(placed, k, 1), to, 1, n), b.pick(z, k, 0)], [n, n], k);
    const index = b.unary("int", b.reduce("max", cut, [k]));
    const found = b.gather(b.param(members[0]!), index, n);
    const graph = graphOf({ y: b.scatter(index, found, k, [b.batch]), "a b": b.constant(-0) });
    const text = print(graph);
    verify(read(text));
    expect(print(read(text))).toBe(text);
  });

  it("says where a text is wrong", () => {
    expect(() => read("graph g\n%0: f32[] = constat 1")).toThrow("line 2: constat is no op");
    expect(() => read("graph g\n%0: i32[] = constant 1\n%1: f32[] = neg %0")).toThrow(
      "line 3: the type is i32[]",
    );
    expect(() => read("graph g\npredict y = %0")).toThrow("line 2: there is no %0");
  });
});
