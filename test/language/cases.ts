/** Small programs over every cell, option and layer of the standard library, for checks that hold of all of them. */

export interface ProgramCase {
  readonly name: string;
  readonly source: string;
  /** By ragged axis. */
  readonly lengths: Readonly<Record<string, readonly number[]>>;
  /** Parameters that the loss reads but cannot depend on: a first step never sees the recurrent weights. */
  readonly idle?: readonly string[];
}

const ragged = { T: [4, 1, 3] };

/** A tag for each frame. */
const tagged = (pipeline: string): ProgramCase => ({
  name: pipeline,
  source: `input x : f32[T, 2]  target y : token(3)[T]\nx >> ${pipeline} >> softmax(y)`,
  lengths: ragged,
});

export const cells: readonly ProgramCase[] = [
  "elman(3)",
  "elman(3, act = relu)",
  "elman(3, act = identity)",
  "lstm(3)",
  "lstm(3, peephole)",
  "lstm(3, coupled)",
  "lstm(3, no_forget)",
  "lstm(3, forget_bias = -2)",
  "lstm(3, proj = 2)",
  "lstm(3, layernorm)",
  "lstm(3, act = softsign, gate = hard_sigmoid)",
  "lstm(3, peephole, coupled, proj = 2)",
  "lstm(3, peephole, no_forget)",
  "gru(3)",
  "gru(3, simple)",
  "gru(3, before)",
  "gru(3, reset = after, act = relu)",
].map(tagged);

const tags = "target y : token(3)[T]";

/** Losses of whole sequences. */
export const sequences: readonly ProgramCase[] = [
  ...["crf", "perceptron", "svm"].map((loss): ProgramCase => ({
    name: loss,
    source: `input x : f32[T, 2]  ${tags}\nx >> elman(3) >> ${loss}(y)`,
    lengths: ragged,
  })),
  { name: "hmm", source: `input x : token(4)[T]  ${tags}\nx >> hmm(y)`, lengths: ragged },
  {
    name: "ctc",
    source: "input x : f32[T, 2]  target y : token(3)[L]\nx >> elman(3) >> ctc(y)",
    lengths: { ...ragged, L: [2, 1, 0] },
  },
  ...["perceptron", "svm"].map((loss): ProgramCase => ({
    name: `${loss} of one label`,
    source: `input x : f32[T, 2]  target y : token(3)\nx >> elman(3) >> last >> ${loss}(y)`,
    lengths: ragged,
  })),
];

/** Each of them draws at random in training, and takes an expectation or does nothing in evaluation. */
export const noisy: readonly ProgramCase[] = [
  "lstm(3, zoneout = 0.4)",
  "lstm(3, zoneout = 0.4, proj = 2, peephole)",
  "elman(3) >> dropout(0.4)",
  "dropout(0.4) >> elman(3)",
  "elman(4) >> dropout(0.4, variational)",
  "dropout(0.3, variational) >> gru(3) >> bidir >> dropout(0.3)",
  "lstm(3) >> recurrent_dropout(0.4) >> bidir",
].map(tagged);

/** What attends to a memory, as a user writes it. */
const luong = `fn luong(memory[s, d]) (h) {
  a = softmax(s: dot(h, memory[s]))
  c = sum(s: a[s] * memory[s])
  return tanh(affine(c, h, size = |d|))
}`;

/** From one sequence to another: what the second starts from, and what it feeds back. */
const transduced = (name: string, stage: string): ProgramCase => ({
  name,
  source: `${luong}
input x : f32[S, 2]  target y : token(3)[L]
let memory = x >> lstm(3)
prev(y) >> embed(2) >> ${stage} >> softmax(y)`,
  lengths: { S: [3, 1, 2], L: [2, 3, 1] },
});

export const handedOn: readonly ProgramCase[] = [
  transduced("init", "lstm(4, init = memory)"),
  transduced("init = final", "lstm(3, init = final(memory))"),
  transduced("feed", "gru(3, feed = luong(memory))"),
  transduced("init and feed", "lstm(3, init = memory, feed = luong(memory))"),
  transduced("attention without feeding", "lstm(3, init = memory) >> luong(memory)"),
  {
    name: "attention to the sequence itself",
    source: `${luong}
input x : f32[T, 2]  target y : token(3)[T]
let memory = x >> gru(3)
x >> gru(3, feed = luong(memory)) >> softmax(y)`,
    lengths: ragged,
  },
  {
    name: "attend",
    source: "input x : f32[T, 2]  target y : token(3)\nx >> gru(3) >> attend >> softmax(y)",
    lengths: ragged,
  },
  {
    name: "flatten",
    source: "input x : f32[T, H: 2, 3]  target y : token(3)[T]\nx >> flatten >> elman(3) >> softmax(y)",
    lengths: ragged,
  },
];

const frames = "input x : f32[T, 2]";

export const layers: readonly ProgramCase[] = [
  ...[
    "dense(4, tanh)",
    "dense(4, relu) >> dense(3, sigmoid)",
    "dense(3, leaky_relu) >> dense(3, elu)",
    "dense(3, softsign) >> dense(3, swish) >> dense(2, softplus)",
    "normalise",
    "elman(2) >> bidir",
    "elman(3) >> bidir(sum)",
    "lstm(2) >> bidir(mean)",
    "gru(2) >> bidir >> stack(2)",
    "lstm(2) >> stack(3)",
    "elman(2) >> residual",
    "elman(2) >> bidir(sum) >> residual",
    "reverse >> gru(2)",
    "reverse >> elman(3) >> reverse",
  ].map(tagged),
  ...[
    { pool: "last" },
    { pool: "first", idle: ["elman.h.Wh"] },
    { pool: "mean" },
    { pool: "max" },
    { pool: "bidir >> last" },
    { pool: "bidir(mean) >> first", idle: ["forward.elman.h.Wh"] },
    { pool: "reverse >> last", idle: ["elman.h.Wh"] },
  ].map(({ pool, idle }): ProgramCase => ({
    name: `elman(3) >> ${pool}`,
    source: `${frames}  target y : token(3)\nx >> elman(3) >> ${pool} >> softmax(y)`,
    lengths: ragged,
    ...(idle ? { idle } : {}),
  })),
  {
    name: "embed",
    source: "input words : token(5)[T]  target y : token(3)[T]\nwords >> embed(3) >> gru(2) >> softmax(y)",
    lengths: ragged,
  },
  {
    name: "onehot",
    source: "input words : token(4)[T]  target y : token(3)[T]\nwords >> onehot >> elman(2) >> softmax(y)",
    lengths: ragged,
  },
  {
    name: "next",
    source: "input text : token(4)[T]\ntext >> embed(3) >> lstm(2) >> softmax(next(text))",
    lengths: ragged,
  },
  {
    name: "sigmoid",
    source: `${frames}  target y : f32[T, 3]\nx >> elman(3) >> sigmoid(y)`,
    lengths: ragged,
  },
  {
    name: "regress",
    source: `${frames}  target y : f32[T, 2]\nx >> elman(3) >> regress(y)`,
    lengths: ragged,
  },
  {
    name: "ce of tokens",
    source: `${frames}  target y : token(3)[T]\nminimize ce(softmax(x >> elman(3) >> dense(3)), y)`,
    lengths: ragged,
  },
  {
    name: "ce of vectors",
    source: `${frames}  target y : f32[T, 3]\nminimize ce(softmax(x >> elman(3) >> dense(3)), y)`,
    lengths: ragged,
  },
  {
    name: "bce",
    source: `${frames}  target y : f32[3]\nminimize bce(x >> elman(3) >> last >> dense(3, sigmoid), y)`,
    lengths: ragged,
  },
  {
    name: "mse",
    source: `${frames}  target y : f32[T, 3]\nminimize mse(x >> elman(3) >> dense(3), y)`,
    lengths: ragged,
  },
  {
    name: "kl",
    source: `${frames}  minimize kl(softmax(x >> elman(3) >> dense(3)), softmax(x >> dense(3)))`,
    lengths: ragged,
  },
  {
    name: "two output layers, one weighted",
    source: `${frames}  target y : token(3)[T]  target z : f32[2]
      let h = x >> gru(3)
      h >> softmax(y)   h >> last >> regress(z, weight = 0.3)`,
    lengths: ragged,
  },
  {
    name: "a net used twice",
    source: `${frames}  input w : f32[T, 2]  target y : f32[T, 3]
      net f = dense(3, tanh) >> elman(3)
      minimize mse(f(x) * f(w), y)`,
    lengths: ragged,
  },
  {
    name: "a table tied to the output",
    source: `input words : token(5)[T]
      param E[5, 3] = normal(0.1)
      E[words] >> elman(3) >> softmax(next(words), project = E)`,
    lengths: ragged,
  },
];
