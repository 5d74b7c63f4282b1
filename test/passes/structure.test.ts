import { describe, expect, test } from "vitest";
import type { Graph, Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { axisNames, productsIn, productsOutside, scansOf } from "./compare.ts";
import {
  attentionModel,
  bilstmModel,
  deepModel,
  gruModel,
  lstmModel,
  nestedModel,
  noisyModel,
  renamedModel,
} from "./models.ts";

const inference = (graph: Graph): Graph => runPasses(graph, graphPasses("inference"));
const training = (graph: Graph): Graph => runPasses(graph, graphPasses("training"));

const predictions = (graph: Graph): Graph => ({
  ...graph,
  outputs: graph.outputs.filter((o) => o.role === "predict"),
});

const weights = (graph: Graph): readonly string[] => nodesOf(graph, "param").map((p) => p.attributes.name);
const outputsOf = (scan: Node<"scan">): number => scan.attributes.outputs.length;

describe("inference", () => {
  test("an LSTM has one product outside and one in the loop, of four gates each", () => {
    const graph = inference(predictions(lstmModel()));
    const [scan] = scansOf(graph);
    expect(scansOf(graph)).toHaveLength(1);
    expect(productsOutside(graph).map(axisNames)).toEqual([["T", "B", "d4'", "gate.4"]]);
    expect(productsIn(scan!).map(axisNames)).toEqual([["B", "d4'", "gate.4"]]);
    expect(scan!.attributes.elements).toHaveLength(1);
    const sums = nodesOf(graph, "binary").filter((x) => axisNames(x).includes("gate.4"));
    expect(sums.map(axisNames)).toEqual([
      ["T", "B", "gate.4", "d4"],
      ["B", "gate.4", "d4"],
    ]);
    expect(weights(graph)).toHaveLength(3);
    for (const p of nodesOf(graph, "param")) expect(p.attributes.name).toMatch(/^lstm\.\{.,.,.,.\}\./);
  });

  test("a GRU has one x-product of three gates, and in the loop one of two and one of one", () => {
    const graph = inference(predictions(gruModel()));
    const [scan] = scansOf(graph);
    expect(productsOutside(graph).map(axisNames)).toEqual([["T", "B", "d4'", "gate.3"]]);
    expect(productsIn(scan!).map(axisNames)).toEqual([
      ["B", "d4'", "gate.2"],
      ["B", "d4'"],
    ]);
    expect(scan!.attributes.elements).toHaveLength(1);
    expect(weights(graph)).toContain("gru.{z,r,n}.Wx");
    expect(weights(graph)).toContain("gru.{z,r}.Uh");
  });

  test("the directions of a biLSTM share one x-product, and each has one of its own", () => {
    const graph = inference(predictions(bilstmModel()));
    expect(productsOutside(graph).map(axisNames)).toEqual([["T", "B", "d4'", "gate.8"]]);
    for (const scan of scansOf(graph))
      expect(productsIn(scan).map(axisNames)).toEqual([["B", "d4'", "gate.4"]]);
    expect(nodesOf(graph, "slice").map((s) => s.attributes.start)).toEqual([0, 4]);
  });

  test("also where each of their products renames x for itself", () => {
    const graph = inference(predictions(renamedModel()));
    expect(productsOutside(graph).map(axisNames)).toEqual([["T", "B", "gate.8", "d4"]]);
    for (const scan of scansOf(graph)) expect(productsIn(scan)).toHaveLength(1);
  });

  test("every layer of a stack has its own", () => {
    const graph = inference(predictions(deepModel()));
    expect(scansOf(graph).map((scan) => productsIn(scan).length)).toEqual([1, 2, 1]);
    // three layers and the output layer
    expect(productsOutside(graph)).toHaveLength(4);
  });

  test("what an attention reads of its memory and its input is computed before the loop", () => {
    const graph = inference(predictions(attentionModel()));
    const decoder = scansOf(graph).at(-1)!;
    // the state's product, scores, context, the context's product
    expect(productsIn(decoder)).toHaveLength(4);
    expect(decoder.attributes.elements).toHaveLength(1);
  });

  test("an inner scan that does not depend on the outer state leaves it", () => {
    const graph = inference(predictions(nestedModel()));
    const [inner, outer] = scansOf(graph) as [Node<"scan">, Node<"scan">];
    expect(inner.attributes.axis.name).toBe("T");
    expect(axisNames(inner.attributes.states[0]!.formal)).toEqual(["S", "B", "d4"]);
    expect(productsIn(outer)).toHaveLength(1);
    expect(productsIn(inner)).toHaveLength(1);
  });

  test("random numbers are drawn for all steps at once", () => {
    const graph = inference(predictions(noisyModel()));
    expect(nodesOf(graph, "random").map(axisNames)).toEqual([["T", "B", "d4"]]);
  });
});

describe("training", () => {
  test("the reversed LSTM has one product, and each weight's gradient is one product after it", () => {
    const graph = training(lstmModel());
    const [forward, backward] = scansOf(graph) as [Node<"scan">, Node<"scan">];
    expect(scansOf(graph)).toHaveLength(2);
    expect(productsIn(forward)).toHaveLength(1);
    expect(productsIn(backward)).toHaveLength(1);
    expect(backward.attributes.states.map((s) => axisNames(s.formal))).toEqual([
      ["B", "d4"],
      ["B", "d4"],
    ]);
    expect(outputsOf(backward)).toBe(1);
    const gradients = graph.outputs.filter((o) => o.role === "gradient").map((o) => o.value);
    expect(gradients.map((x) => x.op).sort()).toEqual(["contract", "contract", "reduce"]);
    expect(productsOutside(graph).map((p) => p.attributes.axes.map((a) => a.name))).toEqual([
      ["d3"],
      ["T", "B"],
      ["T", "B"],
    ]);
  });

  test("no scan of any model accumulates a weight's gradient", () => {
    for (const model of [gruModel, renamedModel, deepModel, attentionModel, nestedModel, noisyModel])
      for (const scan of scansOf(training(model())))
        for (const { formal } of scan.attributes.states) expect(axisNames(formal)).toContain("B");
  });

  test("the sums over the padding of a batch are masked where they must be", () => {
    const masks = nodesOf(training(lstmModel()), "select");
    // The loss and the gradients read the inputs and outputs of scans, which are zero past the end.
    expect(masks).toHaveLength(0);
  });
});

describe("runPasses", () => {
  test("leaves out what is switched off, but never differentiate", () => {
    const without = new Set(["hoist", "differentiate", "simplify"]);
    const names = graphPasses("training", { without }).map((pass) => pass.name);
    expect(names).toEqual([
      "split-states",
      "merge-gates",
      "unroll",
      "differentiate",
      "defer-weight-gradients",
      "guard-updates",
      "straighten",
      "mask-padding",
    ]);
  });

  test("shows each stage and blames the pass that made a wrong graph", () => {
    const seen: string[] = [];
    runPasses(lstmModel(), graphPasses("inference"), {
      observe: ({ pass, round }) => void seen.push(`${pass.name} ${round}`),
    });
    expect(seen).toEqual([
      "simplify 1",
      "split-states 1",
      "hoist 1",
      "merge-gates 1",
      "unroll 1",
      "simplify 2",
      "straighten 1",
      "mask-padding 1",
    ]);
    const breaks = {
      name: "breaks",
      about: "Gives two outputs one name.",
      run: (graph: Graph): Graph => ({ ...graph, outputs: [...graph.outputs, ...graph.outputs] }),
    };
    expect(() => runPasses(lstmModel(), [breaks])).toThrow("in the pass breaks: ");
  });
});
