/**
 * The work that is measured: what a row computes, as a program of ours and as plain numbers that a peer builds its model from.
 *
 * `flop` counts the multiplications and additions of the products as the model is written (three times the forward
 * pass in training, the gradient of the input included), which is what "× the limit" is relative to.
 */

/** What one direction of one layer multiplies for one step of one example. */
const gates = { lstm: 4, gru: 3 };

/**
 * `recurrent`: for each layer, the names that its directions' parameters begin with.
 * `head`: classes of a softmax, over each step or from the last, or of CTC, the last of them the blank. `input`: `features` of a frame, or a vocabulary with an
 * embedding.
 */
const list = [
  {
    name: "W1",
    work: "LSTM(128), 39 features, batch 1, one step at a time",
    kind: "step",
    unit: "µs",
    program: "input x : f32[T, 39]\noutput h = x >> lstm(128)",
    cell: "lstm",
    units: 128,
    recurrent: [["h.lstm"]],
    input: { features: 39 },
    B: 1,
    T: 1,
  },
  {
    name: "W2",
    work: "biLSTM(128), 39 features, T = 100, batch 1, inference",
    kind: "predict",
    unit: "ms",
    program: "input x : f32[T, 39]\noutput h = x >> lstm(128) >> bidir",
    cell: "lstm",
    units: 128,
    recurrent: [["h.forward.lstm", "h.backward.lstm"]],
    input: { features: 39 },
    B: 1,
    T: 100,
  },
  {
    name: "W3",
    work: "LSTM(256), 256 features, T = 50, batch 32, inference",
    kind: "predict",
    unit: "ms",
    program: "input x : f32[T, 256]\noutput h = x >> lstm(256)",
    cell: "lstm",
    units: 256,
    recurrent: [["h.lstm"]],
    input: { features: 256 },
    B: 32,
    T: 50,
  },
  {
    name: "W4",
    work: "char LM: embed 65, LSTM(128), softmax 65, T = 64, batch 32, training step (Adam, clip)",
    kind: "train",
    unit: "ms",
    program: `input text : token(65)[T]
text >> embed(65) >> lstm(128) >> softmax(next(text))
train { optimizer adam(1e-3)  clip norm 5  batch 32  tbptt 64 }`,
    cell: "lstm",
    units: 128,
    recurrent: [["lstm"]],
    input: { vocabulary: 65, embedding: 65 },
    head: { name: "softmax", classes: 65, over: "steps" },
    optimiser: { kind: "adam", rate: 1e-3, clip: 5 },
    B: 32,
    T: 64,
  },
  {
    name: "W5",
    work: "word LM: 2×LSTM(200), vocabulary 10,000, T = 20, batch 20, training step (SGD, clip)",
    kind: "train",
    unit: "ms",
    program: `input text : token(10000)[T]
text >> embed(200) >> lstm(200) >> stack(2) >> softmax(next(text))
train { optimizer sgd(0.1)  clip norm 5  batch 20  tbptt 20 }`,
    cell: "lstm",
    units: 200,
    recurrent: [["lstm.1"], ["lstm.2"]],
    input: { vocabulary: 10000, embedding: 200 },
    head: { name: "softmax", classes: 10000, over: "steps" },
    optimiser: { kind: "sgd", rate: 0.1, clip: 5 },
    B: 20,
    T: 20,
  },
  {
    name: "W6",
    work: "biLSTM(128) and CTC, 39 features, T = 100, batch 16, 20 labels of 28, training step (Adam, clip)",
    kind: "train",
    unit: "ms",
    program: `input  x : f32[T, 39]
target label : token(28)[L]
x >> lstm(128) >> bidir >> ctc(label)
train { optimizer adam(1e-3)  clip norm 5  batch 16 }`,
    cell: "lstm",
    units: 128,
    recurrent: [["forward.lstm", "backward.lstm"]],
    input: { features: 39 },
    head: { name: "ctc", classes: 29, over: "steps", labels: 20 },
    optimiser: { kind: "adam", rate: 1e-3, clip: 5 },
    B: 16,
    T: 100,
  },
  {
    name: "W7",
    work: "GRU(256), 64 features, T = 50, batch 32, many-to-one, training step (Adam)",
    kind: "train",
    unit: "ms",
    program: `input  x : f32[T, 64]
target label : token(10)
x >> gru(256) >> last >> softmax(label)
train { optimizer adam(1e-3)  batch 32 }`,
    cell: "gru",
    units: 256,
    recurrent: [["gru"]],
    input: { features: 64 },
    head: { name: "softmax", classes: 10, over: "last" },
    optimiser: { kind: "adam", rate: 1e-3, clip: null },
    B: 32,
    T: 50,
  },
];

function flopOf({ kind, cell, units, recurrent, input, head, B, T }) {
  let width = input.features ?? input.embedding;
  let step = 0;
  for (const directions of recurrent) {
    step += directions.length * gates[cell] * units * (width + units);
    width = units * directions.length;
  }
  const products = T * step + (head ? (head.over === "steps" ? T : 1) * width * head.classes : 0);
  return 2 * B * products * (kind === "train" ? 3 : 1);
}

export const rows = list.map((row) => ({ ...row, flop: flopOf(row) }));
