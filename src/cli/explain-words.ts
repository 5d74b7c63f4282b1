/**
 * The language's own words for `rnnc explain`: keywords, what stands in `train { … }` and `decode { … }`, initialisers, and
 * the options of every recurrent stage. Each with a whole program that says it (a test compiles them all). Long,
 * because it is one table.
 */
import {
  optimiserArguments,
  optimiserFlags,
  optimiserDefaults,
  scheduleArguments,
  scheduleDefaults,
  type OptimiserKind,
  type Schedule,
} from "../passes/train-settings.ts";

export interface Explanation {
  /** With its article: `a keyword`. */
  readonly kind: string;
  readonly about: string;
  readonly example: string;
}

const statement = (about: string, example: string): Explanation => ({ kind: "a keyword", about, example });

const classifier = `input words : token(8000)[T]
target mood : token(2)
words >> embed(64) >> lstm(64) >> last >> softmax(mood)`;

const generator = `input text : char[T]
text >> embed(64) >> lstm(256) >> softmax(next(text))`;

const answers = `input source : token(500)[S]
target reply : token(500)[L]
let memory = source >> embed(32) >> lstm(64)
prev(reply) >> embed(32) >> lstm(64) >> attention(over = memory) >> softmax(reply)`;

const setting = (about: string, text: string, program = classifier): Explanation => ({
  kind: "a setting of `train`",
  about,
  example: `${program}\ntrain { ${text} }`,
});

const word = (of: string, about: string, text: string): Explanation => ({
  kind: `a word of \`${of}\``,
  about,
  example: `${classifier}\ntrain { ${text} }`,
});

/** `adam(rate = 0.001, beta1 = 0.9)`: the arguments in their order, with their defaults. */
function signature(
  name: string,
  names: readonly string[],
  defaults: object,
  flags: readonly string[] = [],
): string {
  const values = new Map(Object.entries(defaults));
  const all = [...names.map((key) => `${key} = ${String(values.get(key))}`), ...flags];
  return all.length === 0 ? `\`${name}\`` : `\`${name}(${all.join(", ")})\``;
}

const optimiser = (kind: OptimiserKind, about: string, text: string): Explanation => ({
  kind: "an optimiser",
  about: `${about}\n${signature(kind, optimiserArguments(kind), optimiserDefaults[kind], optimiserFlags(kind))}; \`decay\` is the share of itself that a weight loses.`,
  example: `${classifier}\ntrain { optimizer ${text} }`,
});

const schedule = (kind: Schedule["kind"], about: string, text: string): Explanation => ({
  kind: "a schedule of the learning rate",
  about: `${about}\n${signature(kind, scheduleArguments(kind), scheduleDefaults[kind])}`,
  example: `${classifier}\ntrain { schedule ${text} }`,
});

const strategy = (about: string, text: string): Explanation => ({
  kind: "a strategy of `decode`",
  about,
  example: `${generator}\ndecode { ${text} }`,
});

const drawing = (about: string, text: string): Explanation => ({
  kind: "a word of `decode`",
  about,
  example: `${generator}\ndecode { sample(${text}) }`,
});

const initialiser = (about: string, name: string): Explanation => ({
  kind: "an initialiser",
  about,
  example: `input x : f32[T, 8]\nparam W[8, 8] = ${name}\noutput y = W @ x`,
});

const option = (about: string, example: string): Explanation => ({
  kind: "an option of every recurrent stage",
  about,
  example,
});

const lookBack = `cell mine(n) (x) {
  state h[n]
  h = tanh(affine(x, h[t-1]))
  return h
}
input x : f32[T, 3]
x >> mine(16)`;

export const words: Readonly<Record<string, Explanation>> = {
  // ---- statements ------------------------------------------------------------------------------------------------
  import: statement(
    "The statements of another file, once; the path is relative to the file that imports.",
    'import "cells.rnn"\ninput x : f32[T, 3]\noutput y = x >> dense(4)',
  ),
  input: statement("What the model is given, with its type and axes.", "input x : f32[T, 39]\nx >> gru(8)"),
  target: statement("What the model is to predict; given in training, never in inference.", classifier),
  param: statement(
    "A learned tensor, and how it starts; in a body each use of the definition has its own.",
    "input x : f32[T, 3]\nparam W[8, 3] = glorot\noutput y = W @ x",
  ),
  let: statement(
    "A value or a stage by name. A stage named so has parameters of its own wherever it is used; `net` shares them.",
    "input x : f32[T, 3]\nlet h = x >> gru(8)\noutput y = h >> last >> dense(2)",
  ),
  net: statement(
    "A stage with one set of parameters: used twice, they are shared.",
    "input a : f32[T, 3]\ninput b : f32[U, 3]\nnet encode = gru(16) >> last\noutput likeness = dot(encode(a), encode(b))",
  ),
  fn: statement(
    "A definition. With one list of parameters it is a function, with two a stage: its options, then its inputs.\nIts body holds equations in any order and a `return`.",
    "fn highway(bias = -1) (x) {\n  g = sigmoid(affine(x, size = |x|, bias = bias))\n  return g * relu(affine(x, size = |x|)) + (1 - g) * x\n}\ninput x : f32[T, 8]\noutput y = x >> highway >> highway(bias = -2)",
  ),
  cell: statement(
    "A recurrent stage from its equations, which hold at every step: a bare name is this step's value, `h[t-1]` the last step's.",
    lookBack,
  ),
  loss: statement(
    "An output layer from its equations: its target in the first list, what predicts it in the second. `predict` is its\nvalue at inference, `return` what training makes small.",
    "loss huber(y) (e) {\n  d = abs(e - y)\n  predict e\n  return average(sum(if d < 1 then 0.5 * d * d else d - 0.5))\n}\ninput x : f32[T, 3]\ntarget y : f32[T, 2]\nx >> gru(8) >> huber(y)",
  ),
  output: statement(
    "A named result of inference. Output layers name theirs after their target.",
    "input x : f32[T, 3]\noutput y = x >> gru(8) >> last",
  ),
  minimize: statement(
    "A loss of the program's own: any expression. What axes an example has left are summed, examples averaged; several add up. `minimize NET : …` trains the parameters of that net alone; objectives of several nets take turns within a step.",
    "input x : f32[3]\noutput copy = x >> dense(2, tanh) >> dense(3)\nminimize mse(copy, x)",
  ),
  train: statement(
    'How the model is trained: `optimizer clip batch epochs steps seed tbptt schedule regularize validate stop average`.\nThe command line can set each anew: `--set optimizer="adam(1e-4)"`.',
    `${classifier}\ntrain { optimizer adam(1e-3)  clip norm 5  batch 16  epochs 10 }`,
  ),
  decode: statement(
    "How an answer is chosen: `greedy`, `sample(…)`, `beam(…)`, `exhaustive` or `viterbi`.",
    `${generator}\ndecode { sample(temperature = 0.8) }`,
  ),
  state: statement(
    "What a cell carries from step to step: its size, and its start if one is written, else zeros. Its equation has the same name.",
    "cell mine(n) (x) {\n  param h0[n] = zeros\n  state h[n] = h0\n  h = tanh(affine(x, h[t-1]))\n  return h\n}\ninput x : f32[T, 3]\nx >> mine(16)",
  ),
  return: statement("The value of a definition; of a `loss` what is made small.", lookBack),
  predict: statement(
    "What a `loss` gives at inference; it can't read the target.",
    "loss squares(y) (e) {\n  predict e\n  return average(mse(e, y))\n}\ninput x : f32[T, 3]\ntarget y : f32[T, 2]\nx >> gru(8) >> squares(y)",
  ),
  // ---- in expressions --------------------------------------------------------------------------------------------
  if: statement(
    "`if c then a else b`. Over options it is decided by the compiler, over values it selects: what is not taken has gradient exactly 0.",
    "input x : f32[T, 3]\noutput clipped = if x > 1 then 1 else x",
  ),
  then: statement(
    "The value of an `if` where its condition holds.",
    "input x : f32[T, 3]\noutput y = if x > 0 then x else 0",
  ),
  else: statement(
    "The value of an `if` where its condition does not hold; it is never left out.",
    "input x : f32[T, 3]\noutput y = if x > 0 then x else 0",
  ),
  and: statement("Both conditions.", "input x : f32[T, 3]\noutput y = if 0 < x and x < 1 then x else 0"),
  or: statement(
    "One of the conditions, or both.",
    "input x : f32[T, 3]\noutput y = if x < 0 or x > 1 then 0 else x",
  ),
  not: statement(
    "The opposite of a condition. It is looser than comparisons: `not a == b` is `not (a == b)`.",
    "input x : f32[T, 3]\noutput y = if not x > 0 then 0 else x",
  ),
  inf: statement(
    "Infinity, as a number.",
    "input x : f32[T, 3]\noutput largest = max(t: x[t] - (if x[t] == 0 then inf else 0))",
  ),
  t: statement(
    "In a cell the number of the step, from 0; as an index this step, `h[t-1]` the last one, `h[t+1]` in a recurrence from the end.",
    "cell late(n) (x) {\n  state h[n]\n  h = if t == 0 then 0 else h[t-1] + affine(x)\n  return h\n}\ninput x : f32[T, 3]\nx >> late(4)",
  ),
  training: statement(
    "True while the model is trained, false at inference: known to the compiler.",
    "input x : f32[T, 3]\noutput y = if training then x + 0.1 * normal else x",
  ),
  flag: statement(
    "The kind of an option that is on where its name stands in the call.",
    "fn scaled(twice: flag) (x) { return if twice then 2 * x else x }\ninput x : f32[T, 3]\noutput y = x >> scaled(twice) >> scaled",
  ),
  // ---- settings --------------------------------------------------------------------------------------------------
  optimizer: setting(
    "How weights follow the gradient: `sgd momentum nesterov rmsprop adagrad adam adamw`, each with its learning rate first.",
    "optimizer adam(1e-3)",
  ),
  clip: setting(
    "Shortens the gradient before each step: `clip norm 5` the whole of it to a norm (Pascanu et al. 2013), `clip value 1` each of its numbers.",
    "clip norm 5",
  ),
  batch: setting("Examples of one step, or parallel streams with `tbptt`. Default 32.", "batch 16"),
  epochs: setting("How often the data are gone through. Default 10.", "epochs 20"),
  steps: setting("Ends the training after so many steps, whatever the epochs.", "steps 10000"),
  seed: setting(
    "Of weights, order, dropout and the split for validation: the same seed gives the same bits.",
    "seed 1",
  ),
  tbptt: setting(
    "Truncated back-propagation through time: long sequences are cut into chunks of so many steps. Gradients stop at a\nchunk's start, states live on.",
    "tbptt 64",
    generator,
  ),
  schedule: setting(
    "How the learning rate changes: `constant step decay cosine warmup plateau`. Several multiply.",
    "schedule warmup(500)  schedule cosine",
  ),
  regularize: setting(
    "`regularize l2 N` adds N/2 times the squares of all weights to the loss.",
    "regularize l2 1e-4",
  ),
  validate: setting(
    "Keeps a share of the data apart, on which the loss is measured after each epoch.",
    "validate 0.1",
  ),
  stop: setting(
    "`stop patience N` ends the training when validation got no better for N epochs.",
    "validate 0.1  stop patience 3",
  ),
  average: setting("The model is the running average of the weights (Polyak & Juditsky 1992).", "average"),
  lazy: word(
    "adam",
    "`adam(1e-3, lazy)`: rows of a table (`embed`) that a batch does not look up keep their weights and moments.",
    "optimizer adam(1e-3, lazy)",
  ),
  norm: word("clip", "`clip norm N`: the gradient over all weights is no longer than N.", "clip norm 5"),
  value: word("clip", "`clip value N`: each number of the gradient lies between -N and N.", "clip value 1"),
  patience: word(
    "stop",
    "How many epochs without improvement are waited for.",
    "validate 0.1  stop patience 3",
  ),
  l2: word("regularize", "The squares of the weights.", "regularize l2 1e-4"),
  // ---- optimisers: θ a weight, g its gradient, η the rate ---------------------------------------------------------------
  sgd: optimiser("sgd", "θ ← θ - ηg.", "sgd(0.1)"),
  momentum: optimiser("momentum", "v ← μv + g;  θ ← θ - ηv (Sutskever et al. 2013).", "momentum(0.1, 0.9)"),
  nesterov: optimiser(
    "nesterov",
    "v ← μv + g;  θ ← θ - η(g + μv) (Sutskever et al. 2013).",
    "nesterov(0.1, 0.9)",
  ),
  rmsprop: optimiser("rmsprop", "s ← αs + (1-α)g²;  θ ← θ - ηg/(√s + ε) (Hinton 2012).", "rmsprop(1e-3)"),
  adagrad: optimiser("adagrad", "s ← s + g²;  θ ← θ - ηg/(√s + ε) (Duchi et al. 2011).", "adagrad(0.01)"),
  adam: optimiser(
    "adam",
    "m ← β1 m + (1-β1)g;  v ← β2 v + (1-β2)g²;  θ ← θ - η m̂/(√v̂ + ε), both without their bias (Kingma & Ba 2015).",
    "adam(1e-3, β1 = 0.9)",
  ),
  adamw: optimiser(
    "adamw",
    "As `adam`, with the decay of weights beside the gradient (Loshchilov & Hutter 2019).",
    "adamw(1e-3, decay = 0.01)",
  ),
  // ---- schedules --------------------------------------------------------------------------------------------------
  constant: schedule("constant", "The rate stays.", "constant"),
  step: schedule("step", "Every so many epochs the rate is multiplied by the factor.", "step(5, 0.5)"),
  decay: schedule(
    "decay",
    "After so many epochs the rate is multiplied by the factor each epoch (Zaremba et al. 2014).",
    "decay(4, 0.5)",
  ),
  cosine: schedule(
    "cosine",
    "Down to 0 along half a cosine, over all steps (Loshchilov & Hutter 2017).",
    "cosine",
  ),
  warmup: schedule("warmup", "Up from 0 over so many steps.", "warmup(500)"),
  plateau: schedule(
    "plateau",
    "Multiplied by the factor when the loss got no better for so many epochs.",
    "plateau(3, 0.5)",
  ),
  // ---- strategies -------------------------------------------------------------------------------------------------
  greedy: strategy("The most probable entry at each step; of equals the lowest.", "greedy"),
  sample: strategy(
    "Drawn by the probabilities. `temperature` below 1 sharpens them; `top_k` and `top_p` keep the most probable; `stop` ends the\ntext, `avoid` is never drawn: `eos` and `unk` are the end and the unknown entry.",
    "sample(temperature = 0.8, top_k = 40, stop = eos, avoid = unk)",
  ),
  beam: strategy(
    "The n most probable beginnings are kept at each step: `beam(n, length_penalty, max)`.",
    "beam(8)",
  ),
  exhaustive: strategy(
    "Every answer is tried: for models small enough to check the others by.",
    "exhaustive",
  ),
  // ---- what strategies and output layers take ----------------------------------------------------------------------
  temperature: drawing(
    "Below 1 the likely entries become likelier, above 1 the others; 0 takes the likeliest.",
    "temperature = 0.8",
  ),
  top_k: drawing("Only the k likeliest entries are drawn from.", "top_k = 40"),
  top_p: drawing(
    "Only the likeliest entries that together have this probability are drawn from.",
    "top_p = 0.9",
  ),
  avoid: drawing("An entry that is never chosen, such as `unk`. Every strategy takes it.", "avoid = unk"),
  eos: drawing(
    "The entry `<eos>` of a vocabulary: the end of an answer, and of a line of words. Every vocabulary that is read from data has it, but for those of labels.",
    "stop = eos",
  ),
  unk: drawing(
    "The entry `<unk>` of a vocabulary: every word or character that it lacks is read as this. `rnnc train --min-count 2` lets it be learned, from words that are rare.",
    "avoid = unk",
  ),
  length_penalty: {
    kind: "an argument of `beam`",
    about:
      "Above 0, long answers are favoured: scores are divided by ((5 + length) / 6) to this power (Wu et al. 2016).",
    example: `${answers}\ndecode { beam(8, length_penalty = 0.6) }`,
  },
  over: {
    kind: "an option of `attention`, `hops` and of an output layer that copies",
    about:
      "The sequence that is looked at: the memory. `attention` without it looks at the sequence that it stands in.",
    example: answers,
  },
  copy: {
    kind: "an option of the output layer `softmax`",
    about: "Also words of this input can be chosen, by what `over` says of their places (Gu et al. 2016).",
    example:
      "input source : token(500)[S]\ntarget reply : token(source)[L]\nlet memory = source >> embed(32) >> gru(64)\nprev(reply) >> embed(32) >> gru(64, init = memory) >> softmax(reply, copy = source, over = memory)",
  },
  risk: {
    kind: "an option of the output layer `softmax`",
    about:
      "What is made small is the expected risk of the model's own answers, one minus their BLEU; `samples` are drawn for each example (Shen et al. 2016).",
    example: answers.replace("softmax(reply)", "softmax(reply, risk = bleu, samples = 20)"),
  },
  sampled: {
    kind: "an option of `prev`",
    about:
      "In training, this share of the entries is read as the model itself would have chosen them (scheduled sampling, Bengio et al. 2015).",
    example: answers.replace("prev(reply)", "prev(reply, sampled = 0.25)"),
  },
  // ---- initialisers -----------------------------------------------------------------------------------------------
  glorot: initialiser("Uniform in ±√(6 / (rows + columns)) (Glorot & Bengio 2010). The default.", "glorot"),
  he: initialiser("Normal with deviation √(2 / columns), for rectifiers (He et al. 2015).", "he"),
  orthogonal: initialiser(
    "A random rotation: it keeps lengths (Saxe et al. 2014). The default from a state to itself.",
    "orthogonal",
  ),
  zeros: initialiser("All 0.", "zeros"),
  ones: initialiser("All 1.", "ones"),
  // ---- options of recurrent stages -----------------------------------------------------------------------------------
  along: option(
    "The axis that the recurrence runs along; else the innermost of what flows in.",
    "input doc : f32[S, W, 3]\noutput y = doc >> gru(8, along = S)",
  ),
  stateful: option(
    "The states live on from call to call, until `reset`.",
    "input x : f32[T, 3]\nx >> lstm(8, stateful)",
  ),
  init: option(
    "Each state starts at a learned map of this value, of a sequence its last step; `init = final(value)` at the very states\nthat another recurrence ended in.",
    "input source : token(500)[S]\ntarget reply : token(500)[L]\nlet memory = source >> embed(32) >> lstm(64)\nprev(reply) >> embed(32) >> lstm(64, init = final(memory)) >> softmax(reply)",
  ),
  feed: option(
    "The output goes through this stage, and that joins the next step's input (Luong et al. 2015).",
    "input x : f32[T, 3]\nx >> gru(8, feed = dense(4, tanh))",
  ),
};
