/** The cells that examples/ write themselves, and the rarer ones of the library, in plain loops as the papers have them. */
import {
  add,
  affine,
  each,
  linear,
  mix,
  mul,
  normalise,
  product,
  relu,
  sigmoid,
  softmax,
  tanh,
  unroll,
  zeros,
  type Vector,
} from "./reference.ts";
import { lstm, type Memory, type Network } from "./recurrent.ts";

export const jordan: Network = (w, xs) => {
  const out = w("jordan.e.b").length;
  const states = unroll(xs, { y: zeros(out) }, (x, { y }) => {
    const h = sigmoid(affine(w, "jordan.h", { x, y }));
    return { y: softmax(affine(w, "jordan.e", { h })) };
  });
  return states.map(({ y }) => y);
};

export const deepTransition: Network = (w, xs) => {
  const at = "deep_transition";
  const inputs = xs.map((x) => tanh(affine(w, "dense", { x })));
  return unroll(inputs, zeros(64), (x, h) => {
    const u = tanh(affine(w, `${at}.u`, { x, h }));
    return tanh(affine(w, `${at}.h`, { u }));
  });
};

export const skipConnections: Network = (w, xs) => {
  const at = "h.shortcut";
  const states = unroll(xs, zeros(64), (x, h) => {
    const u = tanh(affine(w, `${at}.u`, { x, h }));
    return tanh(affine(w, `${at}.h`, { u, h }));
  });
  return states.map((h, t) => [...xs[t]!, ...h]);
};

export const scrn: Network = (w, xs) => {
  const states = unroll(xs, { s: zeros(40), h: zeros(100) }, (x, { s, h }) => {
    const slow = each((bx, old) => 0.05 * bx + 0.95 * old, linear(w, "scrn.s", { x }), s);
    return { s: slow, h: sigmoid(linear(w, "scrn.h", { s: slow, x, h })) };
  });
  return states.map(({ s, h }) => [...h, ...s]);
};

const periods = [1, 2, 4, 8];

export const clockwork: Network = (w, xs) => {
  const n = w("cwrnn.b").length / periods.length;
  const part = (name: string, at: number): Vector => {
    const all = w(name);
    const size = name === "cwrnn.U" ? n * n : all.length / periods.length;
    return all.slice(at * size, (at + 1) * size);
  };
  let h: Vector[] = periods.map(() => zeros(n));
  return xs.map((x, t) => {
    h = h.map((own, g) => {
      if (t % periods[g]! !== 0) return own;
      const slower = h.flatMap((other, j) =>
        periods[j]! >= periods[g]! ? [product(part("cwrnn.U", g * periods.length + j), other)] : [],
      );
      return tanh(add(product(part("cwrnn.W", g), x), part("cwrnn.b", g), ...slower));
    });
    return h.flat();
  });
};

export const irnn: Network = (w, xs) =>
  unroll(xs, zeros(32), (x, h) => relu(add(affine(w, "irnn.h", { x }), product(w("irnn.W"), h))));

export const layernormLstm: Network = (w, xs) => {
  const at = "layernorm_lstm";
  const gate = (name: string, x: Vector, h: Vector): number[] =>
    add(
      normalise(w, `${at}.${name}`, product(w(`${at}.${name}.Wx`), x), ".1"),
      normalise(w, `${at}.${name}`, product(w(`${at}.${name}.Wh`), h), ".2"),
    );
  const states = unroll<Memory>(xs, { c: zeros(100), h: zeros(100) }, (x, { c, h }) => {
    const i = sigmoid(gate("i", x, h));
    const f = sigmoid(gate("f", x, h).map((value) => value + 1));
    const o = sigmoid(gate("o", x, h));
    const next = add(mul(f, c), mul(i, tanh(gate("g", x, h))));
    return { c: next, h: mul(o, tanh(normalise(w, `${at}.h`, next))) };
  });
  return states.map(({ h }) => h);
};

/** At inference: the mean of old and new. */
export const zoneoutLstm: Network = (w, xs) => {
  const at = "zoneout_lstm";
  const states = unroll<Memory>(xs, { c: zeros(100), h: zeros(100) }, (x, { c, h }) => {
    const [i, f, o] = ["i", "f", "o"].map((gate) => sigmoid(affine(w, `${at}.${gate}`, { x, h }))) as [
      number[],
      number[],
      number[],
    ];
    const g = tanh(affine(w, `${at}.c`, { x, h }));
    const next = each((old, value) => 0.5 * old + 0.5 * value, c, add(mul(f, c), mul(i, g)));
    const shown = mul(o, tanh(next));
    return { c: next, h: each((old, value) => 0.05 * old + 0.95 * value, h, shown) };
  });
  return states.map(({ h }) => h);
};

export const projectedLstm: Network = (w, xs) => {
  const at = "projected_lstm";
  const gate = (name: string, x: Vector, r: Vector, c: Vector): number[] =>
    sigmoid(add(affine(w, `${at}.${name}`, { x, r }), mul(w(`${at}.${name}.diag.c`), c)));
  const states = unroll(xs, { c: zeros(128), r: zeros(64) }, (x, { c, r }) => {
    const g = tanh(affine(w, `${at}.c`, { x, r }));
    const next = add(mul(gate("f", x, r, c), c), mul(gate("i", x, r, c), g));
    return { c: next, r: product(w(`${at}.r.W`), mul(gate("o", x, r, next), tanh(next))) };
  });
  return states.map(({ r }) => r);
};

export const indrnn =
  (at: string): Network =>
  (w, xs) =>
    unroll(xs, zeros(64), (x, h) => relu(add(affine(w, `${at}.h`, { x }), mul(w(`${at}.u`), h))));

export const mgu: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) => {
    const f = sigmoid(affine(w, "mgu.f", { x, h }));
    return mix(f, h, tanh(affine(w, "mgu.g", { x, past: mul(f, h) })));
  });

export const rhn: Network = (w, xs) => {
  const highway = (at: string, operands: Readonly<Record<string, Vector>>, s: Vector): number[] =>
    mix(sigmoid(affine(w, at, operands, ".2")), s, tanh(affine(w, at, operands, ".1")));
  return unroll(xs, zeros(100), (x, s3) => {
    const s1 = highway("rhn.s1", { x, s3 }, s3);
    const s2 = highway("rhn.s2", { s1 }, s1);
    return highway("rhn.s3", { s2 }, s2);
  });
};

export const mut1: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) => {
    const z = sigmoid(affine(w, "mut1.z", { x }));
    const r = sigmoid(affine(w, "mut1.r", { x, h }));
    return mix(z, h, tanh(add(affine(w, "mut1.h", { past: mul(r, h) }), tanh(x))));
  });

export const minGru: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) =>
    mix(sigmoid(affine(w, "min_gru.z", { x })), h, affine(w, "min_gru.h", { x })),
  );

export const linearMemory: Network = (w, xs) => {
  const states = unroll(xs, zeros(16), (x, h) => add(h, product(w("linear_rnn.h.W"), tanh(x))));
  return states.map((x) => tanh(affine(w, "dense", { x })));
};

export const keyTerms: Network = (w, xs) => {
  const h = lstm("h.lstm")(w, xs);
  const query = h.at(-1)!;
  const scores = softmax(h.map((at) => mul(query, at).reduce((a, b) => a + b)));
  const read = h.map((at, t) => at.map((x) => scores[t]! * x)) as [number[], ...number[][]];
  return [[...query, ...add(...read)]];
};
