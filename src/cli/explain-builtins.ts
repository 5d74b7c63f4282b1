/**
 * What the compiler itself computes, in the words of `rnnc explain`: stages, modifiers, functions and types that the
 * standard library cannot define, because they are about axes or directions. The words between them are in
 * `explain-words.ts`.
 */
import type { Explanation } from "./explain-words.ts";

const stage = (about: string, example: string): Explanation => ({ kind: "a stage", about, example });
const modifier = (about: string, example: string): Explanation => ({ kind: "a modifier", about, example });
const fn = (about: string, example: string): Explanation => ({ kind: "a function", about, example });
const type = (about: string, example: string): Explanation => ({ kind: "a type of data", about, example });

export const builtins: Readonly<Record<string, Explanation>> = {
  // ---- stages and modifiers ----------------------------------------------------------------------------------
  last: stage(
    "The last step of each sequence, at the example's own end. Directly after `bidir` each direction gives its own end.",
    "x >> lstm(64) >> last >> softmax(label)",
  ),
  first: stage("The first step of each sequence.", "x >> gru(64) >> first >> softmax(label)"),
  mean: stage(
    "The mean over the steps of each sequence; as a function, over the feature or a binder.",
    "x >> lstm(64) >> mean >> softmax(label)",
  ),
  max: stage(
    "The largest value over the steps of each sequence; as a function, over the feature, a binder, or its arguments.",
    "x >> lstm(64) >> bidir >> max >> softmax(label)",
  ),
  conv: stage(
    "One map of every window of `k` places, to `n` features: over all fixed named axes, else along the sequence (`along = S`). `stride` places from one window to the next, `pad` zeros on either side; a list gives a number for each axis.",
    "image >> conv(32, 3, pad = 1) >> relu >> pool(2)",
  ),
  pool: stage(
    "The maximum over windows of `k` places, side by side, along the axes that `conv` takes.",
    "image >> conv(32, [5, 3]) >> relu >> pool([3, 2])",
  ),
  each: stage(
    "The stage at every place of the leading axis, which it does not see: one for sentences, on documents.",
    "doc >> each(embed(64) >> lstm(64) >> last) >> lstm(64)",
  ),
  repeat: stage("The same value at every place of an axis.", "code >> repeat(S) >> lstm(64)"),
  reverse: stage(
    "The sequence backwards, within its true length.",
    "source >> reverse >> embed(64) >> lstm(128)",
  ),
  bidir: modifier(
    "Runs the stage on its left also backwards, with its own parameters, and concatenates the two (`merge: concat | sum | mean`).",
    "x >> lstm(64) >> bidir >> softmax(tags)",
  ),
  stack: modifier(
    "The stage on its left `k` times in a row, each with its own parameters.",
    "x >> lstm(64) >> stack(3)",
  ),
  residual: modifier("Adds the stage's input to its result.", "x >> dense(64, relu) >> residual"),
  recurrent_dropout: modifier(
    "Drops a share of what the recurrence reads of its last output, through one mask a sequence.",
    "x >> lstm(64) >> recurrent_dropout(0.2)",
  ),
  // ---- functions ---------------------------------------------------------------------------------------------
  sum: fn(
    "The sum over the feature, or over what a binder ranges over. Over nothing: 0.",
    "c = sum(s: a[s] * memory[s])",
  ),
  prod: fn("The product over the feature or a binder.", "p = prod(i: x[i])"),
  min: fn("The smallest of its arguments, elementwise.", "y = min(x, 1)"),
  logsumexp: fn(
    "log Σ exp, without overflow: over the feature, a binder, or elementwise over several arguments.",
    "α[t, k] = e[t, k] + logsumexp(i: α[t-1, i] + A[i, k])",
  ),
  argmax: fn("The index of the largest value; of equal ones the lowest.", "best = argmax(k: e[k])"),
  marginals: fn("∂logZ/∂e: what a sum over paths says of each of its emissions.", "m = marginals(logZ, e)"),
  viterbi: fn(
    "The best path: the entry of e's last axis that it goes through. As a strategy of `decode`, of a lattice.",
    "predict viterbi(logZ, e)",
  ),
  collapse: fn(
    "The labels that a path spells: of each run of equals the first, without the blanks.",
    "predict collapse(argmax(k: e[t, k]), blank)",
  ),
  identity: fn("Its argument: an activation that does nothing.", "x >> dense(64, identity)"),
  affine: fn(
    "`Wa·a + Wb·b + bias` with fresh parameters; its size is solved from the equation, or given as `size = n`.",
    "h = tanh(affine(x, h[t-1]))",
  ),
  linear: fn("As `affine`, without the bias.", "y = linear(x, size = 32)"),
  scalar: fn("An affine map to one number, without a feature axis.", "g = sigmoid(scalar(h))"),
  diag: fn("The value times a fresh weight for each of its features.", "o = sigmoid(affine(x) + diag(c))"),
  concat: fn("The features of its arguments one after another.", "h = lstm(64)(concat(x, r[t-1]))"),
  dot: fn("Σ a·b over the features.", "a = softmax(s: dot(h, memory[s]))"),
  position: fn("The number of each step of a sequence, from 0.", "late = if position(x) > 3 then x else 0"),
  one_hot: fn("1 at the index, 0 elsewhere.", "x = one_hot(words)"),
  is_token: fn(
    "Whether the value is an integer with a vocabulary: known when compiling.",
    "if is_token(y) then e[y] else y",
  ),
  is_sequence: fn(
    "Whether the value runs along an axis with a length for each example: known when compiling.",
    "if is_sequence(e) then sum(t: e[t]) else e",
  ),
  next: fn(
    "The same data one step later: what a language model predicts.",
    "text >> embed(64) >> lstm(128) >> softmax(next(text))",
  ),
  prev: fn(
    "The target one step earlier (teacher forcing); in generation, what was chosen, or the numbers that the model gave.",
    "prev(reply) >> embed(64) >> lstm(128) >> softmax(reply)",
  ),
  average: fn("The mean over an example's steps.", "return average(mse(e, y))"),
  final: fn(
    "The states that a recurrence ended in, for the start of another of the same shape.",
    "y >> lstm(64, init = final(memory))",
  ),
  flatten: fn("The fixed named axes one after another in the feature.", "image >> flatten >> dense(64)"),
  stop_gradient: fn("The value, through which no gradient flows.", "d = x - stop_gradient(mean(x))"),
  normal: fn(
    "Standard normal random numbers over the axes of the other operand; as an initialiser, `normal(σ)`.",
    "z = μ + exp(0.5 * logvar) * normal",
  ),
  uniform: fn("Random numbers in [0, 1); as an initialiser, `uniform(a)` in ±a.", "u = uniform[8]"),
  bernoulli: fn("True with probability p.", "y = if bernoulli(0.5) then x else 0"),
  exp: fn("The exponential function, elementwise.", "y = exp(x)"),
  log: fn("The natural logarithm, elementwise.", "y = log(p)"),
  sqrt: fn("The square root, elementwise.", "y = sqrt(x)"),
  abs: fn("The absolute value, elementwise.", "y = abs(x)"),
  sign: fn("-1, 0 or 1, elementwise.", "y = sign(x)"),
  floor: fn("The largest whole number not above, elementwise.", "i = floor(u / 2)"),
  sin: fn("The sine, elementwise.", "y = sin(x)"),
  cos: fn("The cosine, elementwise.", "y = cos(x)"),
  sigmoid: fn(
    "1 / (1 + exp(-x)), elementwise; as an output layer, independent probabilities.",
    "i = sigmoid(affine(x, h[t-1]))",
  ),
  tanh: fn("The hyperbolic tangent, elementwise.", "g = tanh(affine(x, h[t-1]))"),
  softplus: fn("log(1 + exp(x)), elementwise, without overflow.", "β = softplus(scalar(h))"),
  // ---- types of data -----------------------------------------------------------------------------------
  f32: type(
    "Numbers: `f32[T, 39]` is 39 numbers at each step of T, `f32` one number an example.",
    "input audio : f32[T, 39]",
  ),
  token: type(
    "Integers below a size, or words whose vocabulary is read from the data.",
    "input words : token(8000)[T]",
  ),
  char: type("Text; its vocabulary is read from the training data.", "input text : char[T]"),
  trigrams: type(
    "Words by what they are made of, three letters at a time: `good` is `#go goo ood od#`. `embed` and `onehot` add up those of a word.",
    "input words : trigrams[T]",
  ),
};
