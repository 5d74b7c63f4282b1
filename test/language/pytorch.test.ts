/**
 * RNN, LSTM and GRU with one and two layers in one and two directions give what PyTorch gives (`test/reference/layers.py`):
 * outputs, final states and gradients over ragged sequences. PyTorch stacks the weights of the gates (LSTM: i, f, g, o;
 * GRU: r, z, n) and adds two biases; only the candidate of a GRU that resets after its product keeps both.
 */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { strides } from "../../src/ir/graph/tensor.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { derive } from "../../src/passes/differentiate.ts";
import reference from "../reference/layers.json" with { type: "json" };
import { expectClose } from "./compare.ts";
import { entry, environmentOf, evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, flat, type Nested, program, type Program, type Runner } from "./program.ts";

type Case = (typeof reference.cases)[number];
type Tensors = Readonly<Record<string, Nested | undefined>>;

const { lengths, input, lossWeights } = reference;
const hidden = 4;
const rows = <T>(sequences: readonly (readonly T[])[]): T[][] =>
  sequences.map((sequence, b) => sequence.slice(0, lengths[b]));

const stageNames: Readonly<Record<string, string>> = { rnn: "elman", lstm: "lstm", gru: "gru" };
const gates: Readonly<Record<string, readonly string[]>> = {
  rnn: ["h"],
  lstm: ["i", "f", "g", "o"],
  gru: ["r", "z", "g"],
};

const programOf = ({ kind, layers, bidirectional }: Case): Program =>
  program(`input x : f32[T, 3]  input w : f32[T, ${bidirectional ? 2 * hidden : hidden}]
    let h = x >> ${stageNames[kind]}(${hidden}${bidirectional ? "" : ", stateful"}) ${bidirectional ? ">> bidir" : ""} ${layers > 1 ? `>> stack(${layers})` : ""}
    output h   output end = h >> last
    minimize sum(h * w)`);

interface Place {
  readonly layer: number;
  readonly backward: boolean;
  /** As our parameters' names begin. */
  readonly path: string;
  /** As PyTorch's end. */
  readonly suffix: string;
}

const places = ({ kind, layers, bidirectional }: Case): Place[] =>
  Array.from({ length: layers }, (_, layer) =>
    (bidirectional ? [false, true] : [false]).map((backward): Place => {
      const nth = layers > 1 ? `.${layer + 1}` : "";
      const stage = stageNames[kind]!;
      const path = bidirectional ? `${backward ? "backward" : "forward"}${nth}.${stage}` : `${stage}${nth}`;
      return { layer, backward, path: `h.${path}`, suffix: `_l${layer}${backward ? "_reverse" : ""}` };
    }),
  ).flat();

/** Our tensors from PyTorch's: `bias` says what a sum of its two biases becomes. */
function mapped(
  given: Case,
  tensors: Tensors,
  bias: (ih: number, hh: number) => number,
): Map<string, number[]> {
  const result = new Map<string, number[]>();
  for (const { path, suffix } of places(given))
    gates[given.kind]!.forEach((gate, k) => {
      const part = (name: string): number[] =>
        flat((tensors[`${name}${suffix}`] as readonly Nested[]).slice(k * hidden, (k + 1) * hidden));
      const [ih, hh] = [part("bias_ih"), part("bias_hh")];
      result.set(`${path}.${gate}.Wx`, part("weight_ih"));
      result.set(`${path}.${gate}.Wh`, part("weight_hh"));
      if (given.kind === "gru" && gate === "g") {
        result.set(`${path}.g.b.1`, ih);
        result.set(`${path}.g.b.2`, hh);
      } else
        result.set(
          `${path}.${gate}.b`,
          ih.map((x, i) => bias(x, hh[i]!)),
        );
    });
  return result;
}

describe.each(reference.cases)("$kind, $layers layers, bidirectional: $bidirectional", (given) => {
  const made = programOf(given);
  const parameters = mapped(given, given.weights, (ih, hh) => ih + hh);
  const width = given.bidirectional ? 2 * hidden : hidden;
  const weights = rows(lossWeights).map((steps) => steps.map((row) => row.slice(0, width)));
  const call: Call = { data: { x: rows(input), w: weights }, parameters };

  test("has the parameters of PyTorch", () => {
    expect([...parameters.keys()].sort()).toEqual(made.model.parameters.map((p) => p.name).sort());
  });

  test.each([
    ["evaluator", 1e-7, () => Promise.resolve(evaluator(made))],
    ["module", 1e-5, () => moduleOf(made)],
  ] as const)("in the %s", async (_, bound, make: () => Promise<Runner>) => {
    const runner = await make();
    const { outputs, states } = runner.predict(call);
    rows(given.output).forEach((steps, b) =>
      expectClose(outputs.get("h")![b]!, flat(steps), bound, 1, `output ${b}`),
    );

    const top = given.layers - 1;
    const ends = places(given).flatMap(({ layer }, k) => (layer === top ? [given.final.h[k]!] : []));
    lengths.forEach((_, b) =>
      expectClose(
        outputs.get("end")![b]!,
        ends.flatMap((h) => h[b]!),
        bound,
        1,
        "last",
      ),
    );
    if (!given.bidirectional)
      for (const [state, values] of Object.entries(given.final))
        places(given).forEach(({ path }, k) =>
          expectClose(states.get(`state:${path}.${state}`)!, flat(values[k]!), bound, 1, state),
        );

    // Ours is the mean over the examples, theirs the sum.
    const { loss, gradients } = runner.learn(call);
    expectClose([lengths.length * loss], [given.loss], bound, 1, "loss");
    for (const [name, expected] of mapped(given, given.gradients, (ih) => ih))
      expectClose(
        gradients.get(name)!.map((x) => lengths.length * x),
        expected,
        bound,
        1,
        name,
      );
  });

  test("gradient of the input", () => {
    const graph = entry(made, "train");
    const loss = graph.outputs.find((o) => o.role === "loss")!.value;
    const x = nodesOf(graph, "input").find((node) => node.attributes.name === "x")!;
    const { gradients, roots } = derive([loss], [x], [loss]);
    const outputs = [
      { name: "x", role: "predict", value: gradients[0]! },
      { name: "loss", role: "loss", value: roots[0]! },
    ] as const;
    const found = evaluate({ name: "test", outputs }, environmentOf(made, graph, call)).get("x")!;
    const step = strides(found);
    const [time, example, feature] = ["time", "batch", "feature"].map((kind) =>
      found.axes.find((axis) => axis.kind === kind)!,
    );
    rows(given.inputGradient).forEach((steps, b) =>
      steps.forEach((row, t) =>
        row.forEach((expected, k) => {
          const at = b * step(example!) + t * step(time!) + k * step(feature!);
          expect(lengths.length * found.data[at]!).toBeCloseTo(expected, 7);
        }),
      ),
    );
  });
});
