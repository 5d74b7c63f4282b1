/**
 * ONNX Runtime, on the web (WebAssembly) and native, with one thread: a model of LSTM nodes, inference alone. A model of one step
 * takes its states as inputs and gives them back as outputs.
 */
import onnxProto from "onnx-proto";
import { joined } from "../data.mjs";
import { timed } from "../measure.mjs";

const { onnx } = onnxProto;
const float = onnx.TensorProto.DataType.FLOAT;

/** `web` is the package onnxruntime-web, else onnxruntime-node. */
export async function openOnnxRuntime(web) {
  const ort = await (web ? import("onnxruntime-web") : import("onnxruntime-node")).then(
    (m) => m.default ?? m,
  );
  if (web) ort.env.wasm.numThreads = 1;
  const options = {
    executionProviders: [web ? "wasm" : "cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
  };
  return {
    can: ({ kind, cell }) => (kind === "train" || cell !== "lstm" ? "inference only" : null),
    prepare: async (row, data, weights) => {
      const session = await ort.InferenceSession.create(lstmModel(row, weights), options);
      // Its loader leaves one behind in Node; jax-js would take it as a sign that memory can be shared, and fail.
      if (web) delete globalThis.Worker;
      const { T, B, input, units, recurrent } = row;
      const directions = recurrent[0].length;
      const tensor = (values, dims) => new ort.Tensor("float32", values, dims);
      const x = tensor(timeMajor(data.frames, B, T), [T, B, input.features]);
      const zero = () => tensor(new Float32Array(directions * B * units), [directions, B, units]);
      if (row.kind === "step") {
        let state = { h: zero(), c: zero() };
        const run = async () => {
          const { Y_h, Y_c } = await session.run({ x, ...state });
          state = { h: Y_h, c: Y_c };
          return Y_h;
        };
        return { time: timed(run), result: (await run()).data.slice() };
      }
      const run = () => session.run({ x });
      return { time: timed(run), result: exampleMajor((await run()).Y.data, row) };
    },
    close: () => {},
  };
}

/** [B, T, n] as [T, B, n]. */
function timeMajor(values, B, T) {
  const n = values.length / (B * T);
  const moved = new Float32Array(values.length);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      moved.set(values.subarray((b * T + t) * n, (b * T + t + 1) * n), (t * B + b) * n);
  return moved;
}

/** ONNX's [T, directions, B, n] as [B, T, directions·n]. */
function exampleMajor(values, { B, T, units, recurrent }) {
  const D = recurrent[0].length;
  const moved = new Float32Array(values.length);
  for (let t = 0; t < T; t++)
    for (let d = 0; d < D; d++)
      for (let b = 0; b < B; b++) {
        const from = ((t * D + d) * B + b) * units;
        moved.set(values.subarray(from, from + units), ((b * T + t) * D + d) * units);
      }
  return moved;
}

function lstmModel({ kind, B, T, units, input, recurrent }, weights) {
  const [prefixes] = recurrent;
  const directions = prefixes.length;
  const order = ["i", "o", "f", "g"];
  const all = (part) => concatenated(prefixes.map((prefix) => part(prefix)));
  const maps = (part) =>
    all((prefix) =>
      joined(
        weights,
        prefix,
        order.map((gate) => `${gate}.${part}`),
      ),
    );
  // A bias of the input's map and one of the state's; we have one.
  const biases = all((prefix) =>
    concatenated([
      joined(
        weights,
        prefix,
        order.map((gate) => `${gate}.b`),
      ),
      new Float32Array(4 * units),
    ]),
  );
  const step = kind === "step";
  const state = [directions, B, units];
  const graph = {
    name: "lstm",
    node: [
      {
        opType: "LSTM",
        input: ["x", "W", "R", "B", ...(step ? ["", "h", "c"] : [])],
        output: step ? ["", "Y_h", "Y_c"] : ["Y"],
        attribute: [
          { name: "hidden_size", type: onnx.AttributeProto.AttributeType.INT, i: units },
          {
            name: "direction",
            type: onnx.AttributeProto.AttributeType.STRING,
            s: new TextEncoder().encode(directions === 2 ? "bidirectional" : "forward"),
          },
        ],
      },
    ],
    initializer: [
      initializer("W", [directions, 4 * units, input.features], maps("Wx")),
      initializer("R", [directions, 4 * units, units], maps("Wh")),
      initializer("B", [directions, 8 * units], biases),
    ],
    input: [value("x", [T, B, input.features]), ...(step ? [value("h", state), value("c", state)] : [])],
    output: step ? [value("Y_h", state), value("Y_c", state)] : [value("Y", [T, directions, B, units])],
  };
  const model = onnx.ModelProto.create({ irVersion: 7, opsetImport: [{ domain: "", version: 14 }], graph });
  return onnx.ModelProto.encode(model).finish();
}

const initializer = (name, dims, data) => ({
  name,
  dims,
  dataType: float,
  rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

const value = (name, dims) => ({
  name,
  type: { tensorType: { elemType: float, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

function concatenated(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
