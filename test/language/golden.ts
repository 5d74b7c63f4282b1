/**
 * The layers of a published test case, as a program in the language and values for its parameters.
 *
 * Names of gates: LSTM i, f, c, o are `i f g o`, GRU z, r, h are `z r g` with the reset before the product, and both have
 * hard sigmoid gates. A mask means that a step is not there, so sequences lose their masked tokens. Where a layer
 * without bias is trained, its cell is written down without one.
 */
import type { Nested, Program } from "./program.ts";
import { flat, shapeOf, sizeOf } from "./program.ts";

export interface Layer {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>> & {
    readonly layer?: Layer;
    readonly cell?: { readonly cells: readonly Layer[] };
  };
}

export interface Step {
  readonly op: "apply" | "predict" | "fit" | "weights" | "resetStates";
  readonly x: readonly Nested[];
  readonly y: readonly Nested[];
  readonly initialState?: readonly Nested[];
  readonly expect: readonly Nested[];
  readonly expectLoss?: readonly number[];
  readonly tol: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly layer: number;
  readonly index: number;
}

export interface GoldenCase {
  readonly id: string;
  readonly layers: readonly Layer[];
  readonly steps: readonly Step[];
  readonly compile?: { readonly learningRate: number };
  readonly weights?: readonly { readonly layer: number; readonly value: readonly Nested[] }[];
}

const stages: Readonly<Record<string, { readonly stage: string; readonly gates: readonly string[] }>> = {
  simpleRNN: { stage: "elman", gates: ["h"] },
  gru: { stage: "gru", gates: ["z", "r", "g"] },
  lstm: { stage: "lstm", gates: ["i", "f", "g", "o"] },
  dense: { stage: "dense", gates: [] },
  embedding: { stage: "embed", gates: [] },
};

/** `simpleRNNCell` is `simpleRNN`; what is wrapped is what counts. */
const kindOf = ({ type }: Layer): string => type.replace(/Cell$/u, "");

const flattened = (layers: readonly Layer[]): Layer[] =>
  layers.flatMap((layer) => layer.config.cell?.cells ?? layer.config.layer ?? layer);

const withoutBias = `
  fn dense_unbiased(n) (x) { return linear(x, size = n) }
  cell elman_unbiased(n, act = tanh) (x) {
    state h[n]
    h = act(linear(x, h[t-1]))
    return h
  }
  cell gru_unbiased(n, act = tanh) (x) {
    state h[n]
    z = hard_sigmoid(linear(x, h[t-1]))
    r = hard_sigmoid(linear(x, h[t-1]))
    gated = r * h[t-1]
    g = act(linear(x, gated))
    h = z * h[t-1] + (1 - z) * g
    return h
  }
  cell lstm_unbiased(n, act = tanh) (x) {
    state c[n], h[n]
    i = hard_sigmoid(linear(x, h[t-1]))
    f = hard_sigmoid(linear(x, h[t-1]))
    g = act(linear(x, h[t-1]))
    o = hard_sigmoid(linear(x, h[t-1]))
    c = f * c[t-1] + i * g
    h = o * act(c)
    return h
  }
`;

function stageText(layer: Layer, given: GoldenCase, stateful: boolean): string {
  const { config } = layer;
  const { stage } = stages[kindOf(layer)]!;
  const unbiased = given.compile !== undefined && config["useBias"] === false;
  const name = unbiased ? `${stage}_unbiased` : stage;
  if (stage === "embed") return `embed(${String(config["outputDim"])})`;
  const options = [String(config["units"])];
  if (config["activation"] === "linear" && stage !== "dense") options.push("act = identity");
  if (stage === "gru" && !unbiased) options.push("before");
  if ((stage === "gru" || stage === "lstm") && !unbiased) options.push("gate = hard_sigmoid");
  if (stateful && stage !== "dense") options.push("stateful");
  const text = `${name}(${options.join(", ")})`;
  return config["goBackwards"] ? `reverse >> ${text}` : text;
}

/** The pipeline of all layers, or, where a merge has no word in the language, each direction by itself. */
function pipelines(given: GoldenCase): { readonly outputs: readonly string[] } {
  const state = flattened(given.layers).some((l) => l.config["stateful"] || l.config["returnState"]);
  const stateful = state || given.steps.some((s) => s.initialState !== undefined);
  const [first] = given.layers;
  if (first?.type === "bidirectional") {
    const stage = stageText(first.config.layer!, given, stateful);
    const ways = [`x >> ${stage} >> last`, `x >> reverse >> ${stage} >> last`];
    if (first.config["mergeMode"] === null) return { outputs: ways };
    if (first.config["mergeMode"] === "mul") return { outputs: [`(${ways[0]}) * (${ways[1]})`] };
  }
  const parts = given.layers.map((layer) => {
    const { config } = layer;
    const cells = config.cell?.cells ?? [config.layer ?? layer];
    const text = cells.map((cell) => stageText(cell, given, stateful)).join(" >> ");
    const recurrent = layer.type !== "dense" && layer.type !== "embedding";
    const merged =
      layer.type === "bidirectional"
        ? `${text} >> bidir${config["mergeMode"] === "ave" ? "(mean)" : ""}`
        : text;
    return recurrent && !config["returnSequences"] ? `${merged} >> last` : merged;
  });
  return { outputs: [["x", ...parts].join(" >> ")] };
}

export function sourceOf(given: GoldenCase): string {
  const [first] = given.layers;
  const x = given.steps[0]!.x;
  const input =
    first?.type === "embedding"
      ? `token(${String(first.config["inputDim"])})[T]`
      : `f32[T, ${(x[0] as readonly (readonly number[])[])[0]!.length}]`;
  const { outputs } = pipelines(given);
  const lets = outputs.map((text, k) => `let y${k} = ${text}  output y${k}`).join("\n");
  const train = given.compile
    ? `target want : f32[${flat(given.steps.find((s) => s.op === "fit")!.y[0]!).length}]
       minimize mse(y0, want)   train { optimizer sgd(${given.compile.learningRate}) }`
    : "";
  return `${given.compile ? withoutBias : ""}\ninput x : ${input}\n${lets}\n${train}`;
}

/** Steps that a mask leaves out are not there. */
export const unmasked = (x: readonly Nested[]): readonly Nested[] =>
  x.map((example) => (example as readonly Nested[]).filter((step) => step !== 0));

// ---- weights ------------------------------------------------------------------------------------------------------

/** Where a parameter stands in the published layers: the layer, which of its weights, and which gate. */
interface Slot {
  readonly layer: number;
  readonly weight: "kernel" | "recurrent" | "bias" | "embeddings";
  readonly gate: number;
}

function slotOf(name: string, given: GoldenCase): Slot {
  const parts = name.split(".");
  const layer = flattened(given.layers).findIndex((l) =>
    parts.some((part) => part.replace("_unbiased", "") === stages[kindOf(l)]!.stage),
  );
  const { gates, stage } = stages[kindOf(flattened(given.layers)[layer]!)]!;
  const role = parts.at(-1)!;
  const weight =
    stage === "embed" ? "embeddings" : role === "b" ? "bias" : role === "Wx" ? "kernel" : "recurrent";
  return { layer, weight, gate: gates.findIndex((gate) => parts.at(-2) === gate) };
}

/** Kernels are published as inputs by outputs, the gates side by side. */
function block(matrix: readonly Nested[], gate: number, units: number): number[] {
  const columns = (matrix as readonly (readonly number[])[]).map((row) =>
    row.slice(gate * units, (gate + 1) * units),
  );
  return Array.from({ length: units }, (_, u) => columns.map((row) => row[u]!)).flat();
}

export function parametersOf({ model }: Program, given: GoldenCase): Map<string, number[]> {
  return new Map(
    model.parameters.map((p): [string, number[]] => {
      const { layer, weight, gate } = slotOf(p.name, given);
      const of = flattened(given.layers)[layer]!;
      const explicit = given.weights?.find((w) => w.layer === layer);
      const units = Number(of.config["units"]);
      if (explicit) {
        const [kernel, recurrent, bias] = explicit.value as readonly (readonly Nested[])[];
        if (weight === "embeddings") return [p.name, flat(kernel!)];
        if (weight === "bias") return [p.name, flat(bias!).slice(gate * units, (gate + 1) * units)];
        return [p.name, block(weight === "kernel" ? kernel! : recurrent!, gate, units)];
      }
      const initialiser = of.config[`${weight}Initializer`] ?? (weight === "bias" ? "zeros" : "none");
      const isForget = kindOf(of) === "lstm" && weight === "bias" && gate === 1;
      const one =
        of.config["useBias"] === false && weight === "bias" ? false : isForget || initialiser === "ones";
      if (!one && initialiser !== "zeros" && of.config["useBias"] !== false)
        throw new Error(`${given.id}: ${p.name} starts by ${String(initialiser)}`);
      return [p.name, new Array<number>(sizeOf(shapeOf(p))).fill(one ? 1 : 0)];
    }),
  );
}

/** The parameters that a published weight holds, each with what it should be. */
export function weightsOf(
  { model }: Program,
  given: GoldenCase,
  { layer, index, expect }: Step,
): [string, number[]][] {
  const units = Number(flattened(given.layers)[layer]!.config["units"]);
  return model.parameters.flatMap(({ name }): [string, number[]][] => {
    const slot = slotOf(name, given);
    if (slot.layer !== layer || slot.weight !== (["kernel", "recurrent", "bias"] as const)[index]) return [];
    return [[name, block(expect, Math.max(0, slot.gate), units)]];
  });
}
