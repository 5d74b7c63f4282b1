/** The examples that read their own choices, in plain loops: what each next choice is made from. */
import { both, gru, gruStep, lstm, lstmStep, type Memory } from "./recurrent.ts";
import {
  affine,
  linear,
  mul,
  product,
  softmax,
  tanh,
  unroll,
  unrollBack,
  zeros,
  type Vector,
  type Weights,
} from "./reference.ts";

export interface Answering {
  /** The names of what is given and of what is chosen. */
  readonly given: string;
  readonly chosen: string;
  /** Other lengths than the usual ones, where what is given must be longer. */
  readonly lengths?: Readonly<Record<string, readonly number[]>>;
  /** After the inputs are read: the probabilities of what follows, after one entry and the next. */
  readonly open: (w: Weights, given: readonly (number & Vector)[]) => (before: number) => Vector;
}

const row = (w: Weights, table: string, id: number): Vector => {
  const size = w(`${table}.size`)[0]!;
  return w(table).slice(id * size, (id + 1) * size);
};

const dot = (a: Vector, b: Vector): number => mul(a, b).reduce((sum, x) => sum + x, 0);

const probabilities = (w: Weights, h: Vector): Vector => softmax(affine(w, "softmax", { "": h }));

const directions = (at: string) =>
  both(lstm(`${at}.forward.lstm`), lstm(`${at}.backward.lstm`, { run: unrollBack }));

const translate: Answering["open"] = (w, source) => {
  const xs = [...source].reverse().map((id) => row(w, "memory.embed.E", id));
  return attentive(w, directions("memory")(w, xs));
};

/** A decoder whose attention, by the general score, joins its next step's input. */
function attentive(w: Weights, memory: readonly Vector[]): (before: number) => Vector {
  const n = w("lstm.i.b").length;
  const [width, half] = [memory[0]!.length, memory[0]!.length / 2];
  // Each direction's own end: the last step of the one, the first of the other.
  const ends = [...memory.at(-1)!.slice(0, half), ...memory[0]!.slice(half)];
  const start = (state: string): Vector => affine(w, `lstm.init.${state}`, { "": ends });
  let state: Memory = { h: start("h"), c: start("c") };
  let fed: Vector = zeros(n);
  return (before) => {
    state = lstmStep(w, "lstm", [...row(w, "embed.E", before), ...fed], state);
    const query = product(w("lstm.attention.e.Wx"), state.h);
    const a = softmax(memory.map((m) => dot(query, m)));
    const c = zeros(width).map((_, k) => memory.reduce((sum, m, s) => sum + a[s]! * m[k]!, 0));
    fed = tanh(affine(w, "lstm.attention", { c, x: state.h }));
    return probabilities(w, fed);
  };
}

const speechTranslate: Answering["open"] = (w, audio) => {
  const halved = (xs: readonly Vector[], nth: number): readonly Vector[] =>
    Array.from({ length: Math.floor(xs.length / 2) }, (_, t) =>
      affine(w, `memory.conv.${nth}`, { "": [...xs[2 * t]!, ...xs[2 * t + 1]!] }),
    );
  const layer = (xs: readonly Vector[], nth: number): readonly Vector[] => {
    const at = (way: string): string => `memory.${way}.${nth}.lstm`;
    return both(lstm(at("forward")), lstm(at("backward"), { run: unrollBack }))(w, halved(xs, nth));
  };
  return attentive(w, layer(layer(audio, 1), 2));
};

const parseTrees: Answering["open"] = (w, sentence) => {
  const xs = [...sentence].reverse().map((id) => row(w, "memory.embed.E", id));
  const memory = lstm("memory.lstm.2")(w, lstm("memory.lstm.1")(w, xs));
  const starts = (layer: string): Memory => {
    const start = (state: string): Vector => affine(w, `${layer}.init.${state}`, { "": memory.at(-1)! });
    return { h: start("h"), c: start("c") };
  };
  let [lower, upper] = [starts("lstm.1"), starts("lstm.2")];
  return (before) => {
    lower = lstmStep(w, "lstm.1", row(w, "embed.E", before), lower);
    upper = lstmStep(w, "lstm.2", lower.h, upper);
    const scores = memory.map((m) =>
      dot(w("attention.e.v"), tanh(linear(w, "attention.e", { x: upper.h, m }))),
    );
    const a = softmax(scores);
    const c = zeros(memory[0]!.length).map((_, k) => memory.reduce((sum, m, s) => sum + a[s]! * m[k]!, 0));
    return probabilities(w, tanh(affine(w, "attention", { c, x: upper.h })));
  };
};

const chatbot: Answering["open"] = (w, said) => {
  const n = w("lstm.i.b").length;
  const xs = said.map((id) => row(w, "memory.embed.E", id));
  let state = unroll<Memory>(xs, { c: zeros(n), h: zeros(n) }, (x, before) =>
    lstmStep(w, "memory.lstm", x, before),
  ).at(-1)!;
  return (before) => {
    state = lstmStep(w, "lstm", row(w, "embed.E", before), state);
    return probabilities(w, state.h);
  };
};

const autoencoder: Answering["open"] = (w, text) => {
  const code = gru("code.gru", "after")(
    w,
    text.map((id) => row(w, "code.embed.E", id)),
  ).at(-1)!;
  let h: Vector = affine(w, "gru.init.h", { "": code });
  return (before) => {
    h = gruStep(w, "gru", "after", row(w, "embed.E", before), h);
    return probabilities(w, h);
  };
};

const tagger: Answering["open"] = (w, words) => {
  const seen = directions("seen")(
    w,
    words.map((id) => row(w, "seen.embed.E", id)),
  );
  let h: Vector = zeros(w("gru.z.b").length);
  let t = 0;
  return (before) => {
    h = gruStep(w, "gru", "after", [...seen[t++]!, ...row(w, "embed.E", before)], h);
    return probabilities(w, h);
  };
};

export const answering: Readonly<Record<string, Answering>> = {
  translate: { given: "source", chosen: "reply", open: translate },
  "speech-translate": {
    given: "audio",
    chosen: "words",
    lengths: { T: [9, 4, 14], L: [5, 2, 1] },
    open: speechTranslate,
  },
  "parse-trees": { given: "sentence", chosen: "tree", open: parseTrees },
  chatbot: { given: "said", chosen: "reply", open: chatbot },
  "autoencoder-text": { given: "text", chosen: "text", open: autoencoder },
  "tagger-feedback": { given: "words", chosen: "tags", open: tagger },
};
