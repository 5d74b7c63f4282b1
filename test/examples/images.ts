/** The examples about images, in plain loops: what each makes of a picture. */
import { gru, lstmStep, type Memory } from "./recurrent.ts";
import { add, affine, mul, relu, sigmoid, softmax, tanh, type Vector, type Weights } from "./reference.ts";

/** Rows of pixels, a pixel as a vector. */
export type Picture = readonly (readonly Vector[])[];

/** Windows of k × k places, a window as one vector: row by row, pixel by pixel. */
function windows(picture: Picture, k: number, stride: number): Vector[][][] {
  const starts = (size: number): number[] =>
    Array.from({ length: Math.floor((size - k) / stride) + 1 }, (_, i) => i * stride);
  return starts(picture.length).map((top) =>
    starts(picture[0]!.length).map((left) =>
      Array.from({ length: k * k }, (_, at) => picture[top + Math.floor(at / k)]![left + (at % k)]!),
    ),
  );
}

const conv = (w: Weights, at: string, picture: Picture, k: number): Picture =>
  windows(picture, k, 1).map((row) => row.map((pixels) => relu(affine(w, at, { "": pixels.flat() }))));

const pool = (picture: Picture): Picture =>
  windows(picture, 2, 2).map((row) =>
    row.map((pixels) => pixels[0]!.map((_, c) => Math.max(...pixels.map((x) => x[c]!)))),
  );

/** Two convolutions of 5 × 5, each with a rectifier and a maximum over 2 × 2. */
export const seen = (w: Weights, at: string, picture: Picture): Picture =>
  ["1", "2"].reduce((x, nth) => pool(conv(w, `${at}.conv.${nth}`, x, 5)), picture);

const dot = (a: Vector, b: Vector): number => mul(a, b).reduce((sum, x) => sum + x, 0);

/** The sum over the pixels of -log p(y) where p is the probability of white. */
export const bce = (p: Vector, y: Vector): number =>
  -p.reduce((sum, x, k) => sum + y[k]! * Math.log(x) + (1 - y[k]!) * Math.log(1 - x), 0);

export function autoencoder(w: Weights, picture: Picture) {
  const code = affine(w, "code.dense", { x: seen(w, "code", picture).flat(2) });
  const hidden = relu(affine(w, "copy.dense.1", { x: code }));
  return { code, copy: sigmoid(affine(w, "copy.dense.2", { x: hidden })) };
}

/** The code's mean and the logarithm of its variance, and what a code is drawn as. */
export const vae = {
  encode: (w: Weights, image: Vector) => {
    const e = relu(affine(w, "e.dense", { x: image }));
    return { μ: affine(w, "μ.dense", { x: e }), logvar: affine(w, "logvar.dense", { x: e }) };
  },
  decode: (w: Weights, z: Vector): Vector =>
    sigmoid(affine(w, "copy.dense.2", { x: relu(affine(w, "copy.dense.1", { x: z })) })),
  /** How far a code's distribution is from the standard normal one, in nats (Kingma & Welling 2014, appendix B). */
  distance: (μ: Vector, logvar: Vector): number =>
    0.5 * μ.reduce((sum, x, k) => sum + Math.exp(logvar[k]!) + x * x - 1 - logvar[k]!, 0),
};

export const gan = {
  generate: (w: Weights, z: Vector): Vector =>
    sigmoid(affine(w, "G.dense.2", { x: relu(affine(w, "G.dense.1", { x: z })) })),
  /** The probability that an image is real. */
  judge: (w: Weights, image: Vector): number => {
    const h = affine(w, "D.dense.1", { x: image }).map((x) => (x > 0 ? x : 0.01 * x));
    return sigmoid(affine(w, "D.dense.2", { x: h }))[0]!;
  },
};

/** The probabilities of what follows each word. */
export function caption(w: Weights, picture: Picture, words: readonly Vector[]): Vector[] {
  const vector = tanh(affine(w, "seen.dense", { x: seen(w, "seen", picture).flat(2) }));
  const start = (state: string): Vector => affine(w, `lstm.init.${state}`, { "": vector });
  let state: Memory = { h: start("h"), c: start("c") };
  return words.map((x) => {
    state = lstmStep(w, "lstm", x, state);
    return softmax(affine(w, "softmax", { "": state.h }));
  });
}

/** Where is looked, and the probabilities of the answers. */
export function answer(w: Weights, picture: Picture, question: readonly Vector[]) {
  const regions = seen(w, "regions", picture).flat();
  const asked = gru("asked.gru", "after")(w, question).at(-1)!;
  const looked = softmax(regions.map((region) => dot(region, asked)));
  const found = regions.map((region, k) => region.map((x) => looked[k]! * x)).reduce((a, b) => add(a, b));
  const hidden = relu(affine(w, "dense", { x: [...found, ...asked] }));
  return { looked, answer: softmax(affine(w, "softmax", { "": hidden })) };
}
