/**
 * TensorFlow.js on its WebAssembly backend, one thread. Its layers give inference and, for models of frames, training; a step at a
 * time is its `basicLSTMCell`. The backend has no gradient of a table lookup, so a language model reads one-hot vectors
 * through a dense layer, which computes the same. Its GRU has the reset gate before the product, so its results differ from ours.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { joined, transposed } from "../data.mjs";
import { timed } from "../measure.mjs";

export async function openTfjs() {
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs");
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  return {
    can: ({ head }) =>
      head?.name === "ctc" ? "no CTC" : head?.classes > 1000 ? "no gradient of a lookup" : null,
    prepare: async (row, data, weights) => {
      if (row.kind === "step") return stepping(tf, row, data, weights);
      const { time, result } = withLayers(tf, row, data, weights);
      return { time, result: row.cell === "gru" ? null : result };
    },
    close: () => {},
  };
}

const gates = { lstm: ["i", "f", "g", "o"], gru: ["z", "r", "g"] };

function map(tf, row, weights, prefix, order, part) {
  const columns = weights.get(`${prefix}.${order[0]}.${part}`).shape[1];
  const all = joined(
    weights,
    prefix,
    order.map((gate) => `${gate}.${part}`),
  );
  return tf.tensor2d(transposed(all, columns), [columns, order.length * row.units]);
}

function bias(tf, { cell }, weights, prefix, order) {
  return tf.tensor1d(
    joined(
      weights,
      prefix,
      order.map((gate) => (cell === "gru" && gate === "g" ? "g.b.1" : `${gate}.b`)),
    ),
  );
}

function stepping(tf, row, { frames }, weights) {
  const [[prefix]] = row.recurrent;
  const order = ["i", "g", "f", "o"];
  const kernel = tf.concat(
    [map(tf, row, weights, prefix, order, "Wx"), map(tf, row, weights, prefix, order, "Wh")],
    0,
  );
  const b = bias(tf, row, weights, prefix, order);
  const x = tf.tensor2d(frames, [row.B, row.input.features]);
  const forget = tf.scalar(0);
  let state = [tf.zeros([row.B, row.units]), tf.zeros([row.B, row.units])];
  const run = () => {
    const next = tf.tidy(() => tf.basicLSTMCell(forget, kernel, b, x, ...state));
    tf.dispose(state);
    state = next;
    return next[1].dataSync();
  };
  return { time: timed(run), result: run().slice() };
}

function layerOf(tf, row, returnSequences, goBackwards) {
  const common = { units: row.units, returnSequences, goBackwards, recurrentActivation: "sigmoid" };
  return row.cell === "lstm" ? tf.layers.lstm({ ...common, unitForgetBias: false }) : tf.layers.gru(common);
}

function withLayers(tf, row, data, weights) {
  const { input, head, B, T, recurrent } = row;
  const width = input.features ?? input.vocabulary;
  const symbolic = tf.input({ shape: [T, width] });
  const loads = [];
  let y = symbolic;
  if (input.vocabulary) {
    const table = tf.layers.dense({ units: input.embedding, useBias: false });
    y = table.apply(y);
    const { data: E, shape } = weights.get("embed.E");
    loads.push(() => table.setWeights([tf.tensor2d(E, shape)]));
  }
  recurrent.forEach((directions, level) => {
    const sequences = !(head?.over === "last" && level === recurrent.length - 1);
    const outputs = directions.map((prefix, d) => {
      const layer = layerOf(tf, row, sequences, d === 1);
      const order = gates[row.cell];
      loads.push(() =>
        layer.setWeights([
          map(tf, row, weights, prefix, order, "Wx"),
          map(tf, row, weights, prefix, order, "Wh"),
          bias(tf, row, weights, prefix, order),
        ]),
      );
      return layer.apply(y);
    });
    y = outputs[0];
    if (outputs.length === 2) y = outputs;
  });
  if (head) {
    const dense = tf.layers.dense({ units: head.classes });
    y = dense.apply(y);
    const { data: W, shape } = weights.get("softmax.W");
    loads.push(() =>
      dense.setWeights([
        tf.tensor2d(transposed(W, shape[1]), [shape[1], shape[0]]),
        tf.tensor1d(weights.get("softmax.b").data),
      ]),
    );
  }
  const model = tf.model({ inputs: symbolic, outputs: y });
  loads.forEach((load) => load());
  if (row.kind === "train") return training(tf, row, model, data);
  const x = tf.tensor3d(data.frames, [B, T, width]);
  const run = () => read(tf.tidy(() => sideBySide(tf, model.apply(x))));
  return { time: timed(run), result: run().slice() };
}

/** A tensor's numbers; not within `tidy`, which looks for tensors in each element of what it is to give. */
function read(tensor) {
  const values = tensor.dataSync();
  tensor.dispose();
  return values;
}

/** Two directions: the backward one comes in its own order of steps. */
const sideBySide = (tf, y) => (Array.isArray(y) ? tf.concat([y[0], tf.reverse(y[1], 1)], 2) : y);

function training(tf, row, model, data) {
  const { input, head, B, T, optimiser } = row;
  const x = input.vocabulary
    ? tf.oneHot(tf.tensor2d(data.tokens, [B, T], "int32"), input.vocabulary).toFloat()
    : tf.tensor3d(data.frames, [B, T, input.features]);
  const targets = tf.oneHot(tf.tensor1d(data.targets, "int32"), head.classes).toFloat();
  const adam = tf.train.adam(optimiser.rate);
  const lossOf = () => {
    const logits = model.apply(x, { training: true }).reshape([-1, head.classes]);
    return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), targets))).div(targets.shape[0]);
  };
  const run = () =>
    read(
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(lossOf);
        adam.applyGradients(optimiser.clip ? clipped(tf, grads, optimiser.clip) : grads);
        return value;
      }),
    );
  return { time: timed(run), result: run().slice() };
}

function clipped(tf, gradients, clip) {
  const list = Object.values(gradients).map((g) => tf.sum(tf.square(g)));
  const factor = tf.minimum(tf.div(clip, tf.sqrt(tf.addN(list))), 1);
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, tf.mul(g, factor)]));
}
