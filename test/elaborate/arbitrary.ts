/** Random programs that mean something: data, pipelines of stages with random options, functions, cells, losses. */
import fc from "fast-check";

/** A stage of a sequence of vectors that gives one; `{n}` is a size. */
const size = fc.integer({ min: 1, max: 5 });
const flags = (...names: readonly string[]) => fc.subarray([...names]);
const call = (name: string, args: readonly string[]): string =>
  args.length === 0 ? name : `${name}(${args.join(", ")})`;

const elman = fc.tuple(size, fc.constantFrom("", "act = relu", "tanh")).map(([n, act]) =>
  call(
    "elman",
    [String(n), act].filter((a) => a !== ""),
  ),
);
const lstm = fc
  .tuple(size, flags("peephole", "layernorm"), fc.constantFrom("coupled", "no_forget", ""), size)
  .map(([n, some, forget, proj]) =>
    call("lstm", [
      String(n),
      ...some,
      ...(forget === "" ? ["forget_bias = 2"] : [forget]),
      ...(proj > 3 ? [`proj = ${proj}`] : []),
      ...(proj === 1 ? ["zoneout = 0.1"] : []),
    ]),
  );
const gru = fc.tuple(size, fc.constantFrom("", "simple", "before", "reset = after")).map(([n, how]) =>
  call(
    "gru",
    [String(n), how].filter((a) => a !== ""),
  ),
);
const own = fc
  .tuple(size, fc.constantFrom("leaky", "ticking"))
  .map(([n, cell]) => (cell === "leaky" ? `leaky(${n})` : `ticking(${n}, [1, ${n + 1}])`));
const recurrent = fc.oneof(elman, lstm, gru, own);
const attention = fc
  .tuple(
    fc.constantFrom("", "luong", "bahdanau"),
    fc.constantFrom("", "general", "concat"),
    fc.constantFrom("", "window = monotonic(1)", "window = predictive(2)"),
  )
  .map((options) =>
    call(
      "attention",
      options.filter((o) => o !== ""),
    ),
  );
const dense = fc
  .tuple(size, fc.constantFrom("", ", tanh", ", act = relu", ", swish"))
  .map(([n, act]) => `dense(${n}${act})`);
const pointwise = fc.constantFrom(
  "tanh",
  "relu",
  "normalise",
  "twice",
  "dropout(0.3)",
  "dropout(0.2, variational)",
);
const modified = fc
  .tuple(
    recurrent,
    fc.constantFrom("", " >> bidir", " >> bidir(sum)", " >> stack(2)", " >> bidir >> stack(2)"),
  )
  .map(([stage, modifier]) => stage + modifier);
const group = fc.tuple(dense, pointwise).map(([a, b]) => `(${a} >> ${b})`);
const same = fc.constantFrom("(dense >> tanh) >> residual", "dense >> residual");
const stage = fc.oneof(
  { weight: 3, arbitrary: modified },
  { weight: 2, arbitrary: dense },
  pointwise,
  group,
  same,
  attention,
  // What flows into a net that is used twice has one size.
  fc.constantFrom("reverse", "dense(4) >> shared", "sums"),
);

const pipeline = fc.array(stage, { minLength: 1, maxLength: 3 }).map((stages) => stages.join(" >> "));
const pool = fc.constantFrom("last", "first", "mean", "max");

const definitions = `cell leaky(n) (x) {
  state h[n]
  a = sigmoid(scalar(x))
  h = a * h[t-1] + (1 - a) * tanh(affine(x, h[t-1]))
  return h
}
cell ticking(n, periods) (x) {
  param U[g: |periods|, n, n'] = orthogonal
  param W[g: |periods|, n, d] = glorot
  state h[g: |periods|, n]
  h[g] = if t % periods[g] == 0 then tanh(W[g] @ x + U[g] @ h[t-1, g]) else h[t-1, g]
  return flatten(h)
}
fn twice(x) { return 2 * x }
fn sums(x[t, k]) {
  s[t, k] = tanh(x[t, k] + (if t == 0 then 0 else 0.5 * s[t-1, k] - mean(j: s[t-1, j])))
  return s
}
fn read(memory[s, d]) (h) {
  a = softmax(s: dot(h, memory[s]))
  return sum(s: a[s] * memory[s])
}
let noisy = x + 0.1 * normal
net shared = dense(3, tanh) >> gru(2)
`;

const inputs = `input x : f32[T, 3]
input words : token(7)[T]
input speed : f32
input doc : token(5)[S, W]
`;

const source = fc.constantFrom("x", "words >> embed(3)", "words >> onehot", "concat(x, speed)", "noisy");

const body = fc.oneof(
  fc.tuple(source, pipeline).map(([s, p]) => ({ target: "token(4)[T]", text: `${s} >> ${p} >> softmax(y)` })),
  fc
    .tuple(source, pipeline, pool)
    .map(([s, p, end]) => ({ target: "token(4)", text: `${s} >> ${p} >> ${end} >> softmax(y)` })),
  fc
    .tuple(source, pipeline, pool)
    .map(([s, p, end]) => ({ target: "f32[2]", text: `${s} >> ${p} >> ${end} >> regress(y)` })),
  fc.tuple(source, pipeline).map(([s, p]) => ({
    target: "f32[T, 2]",
    text: `let h = ${s} >> ${p}\nh >> sigmoid(y, weight = 0.5)\nminimize 0.01 * mean(s: sum(h[s] * h[s]))`,
  })),
  fc.tuple(source, source, size).map(([a, b, n]) => ({
    target: "f32[T, 2]",
    text: `let m = ${a} >> gru(${n})\nlet q = ${b} >> dense(${n})\nq >> read(m) >> regress(y)`,
  })),
  fc
    .tuple(source, pipeline, fc.constantFrom("crf", "perceptron", "svm"))
    .map(([s, p, loss]) => ({ target: "token(3)[T]", text: `${s} >> ${p} >> ${loss}(y)` })),
  fc.tuple(source, pipeline).map(([s, p]) => ({ target: "token(3)[L]", text: `${s} >> ${p} >> ctc(y)` })),
  fc.tuple(pipeline, pool).map(([p, end]) => ({
    target: "token(3)",
    text: `doc >> embed(3) >> each(${end}) >> ${p} >> last >> softmax(y)`,
  })),
  fc.tuple(source, pipeline).map(([s, p]) => ({
    target: "token(6)[L]",
    text: `let m = ${s} >> ${p}\nprev(y) >> embed(3) >> gru(4, init = m, feed = attention(over = m >> dense(4))) >> softmax(y)`,
  })),
);

const train = fc.constantFrom(
  "",
  "train { optimizer adam(1e-3)  clip norm 5  batch 4 }\n",
  "train { optimizer sgd(0.1)  schedule step(2, 0.5)  epochs 3  validate 0.1  stop patience 2 }\n",
  "train { tbptt 5 }\n",
);

export const wellTyped: fc.Arbitrary<string> = fc.tuple(body, train).map(([{ target, text }, settings]) => {
  const uses = text.includes("shared") ? definitions : definitions.replace(/^net shared.*\n/mu, "");
  return `${inputs}target y : ${target}\n${uses}${text}\n${settings}`;
});
