/**
 * The networks of examples/ in plain loops, equation by equation as the papers have them: what each computes of the
 * vectors that flow into its recurrent layer.
 */
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
  unrollBack,
  type Vector,
  type Weights,
  zeros,
} from "./reference.ts";

/** Of all steps. */
type Network = (w: Weights, xs: readonly Vector[]) => readonly Vector[];

const elman =
  (at: string, act = tanh, run = unroll): Network =>
  (w, xs) =>
    run(xs, zeros(w(`${at}.h.b`).length), (x, h) => act(affine(w, `${at}.h`, { x, h })));

interface LstmOptions {
  readonly peephole?: boolean;
  readonly coupled?: boolean;
  readonly remember?: boolean;
  readonly run?: typeof unroll;
}

interface Memory {
  readonly c: Vector;
  readonly h: Vector;
}

const lstm =
  (at: string, { peephole, coupled, remember, run = unroll }: LstmOptions = {}): Network =>
  (w, xs) => {
    const n = w(`${at}.i.b`).length;
    const gate = (name: string, x: Vector, h: Vector, c: Vector): number[] => {
      const seen = affine(w, `${at}.${name}`, { x, h });
      return sigmoid(peephole ? add(seen, mul(w(`${at}.${name}.diag.c`), c)) : seen);
    };
    const states = run<Memory>(xs, { c: zeros(n), h: zeros(n) }, (x, { c, h }) => {
      const i = gate("i", x, h, c);
      const f = coupled ? each((i) => 1 - i, i) : remember ? each(() => 1, i) : gate("f", x, h, c);
      const g = tanh(affine(w, `${at}.g`, { x, h }));
      const next = add(mul(f, c), mul(i, g));
      const o = gate("o", x, h, next);
      return { c: next, h: mul(o, tanh(next)) };
    });
    return states.map(({ h }) => h);
  };

const gru =
  (at: string, kind: "before" | "after" | "simple", run = unroll): Network =>
  (w, xs) =>
    run(xs, zeros(w(`${at}.z.b`).length), (x, h) => {
      const z = sigmoid(affine(w, `${at}.z`, { x, h }));
      const r = (): number[] => sigmoid(affine(w, `${at}.r`, { x, h }));
      const g = {
        simple: () => affine(w, `${at}.g`, { x, h }),
        before: () => affine(w, `${at}.g`, { x, gated: mul(r(), h) }),
        after: () => {
          const past = add(product(w(`${at}.g.Wh`), h), w(`${at}.g.b.2`));
          return add(product(w(`${at}.g.Wx`), x), w(`${at}.g.b.1`), mul(r(), past));
        },
      }[kind]();
      return mix(z, tanh(g), h);
    });

const jordan: Network = (w, xs) => {
  const out = w("jordan.e.b").length;
  const states = unroll(xs, { y: zeros(out) }, (x, { y }) => {
    const h = sigmoid(affine(w, "jordan.h", { x, y }));
    return { y: softmax(affine(w, "jordan.e", { h })) };
  });
  return states.map(({ y }) => y);
};

const deepTransition: Network = (w, xs) => {
  const at = "deep_transition";
  const inputs = xs.map((x) => tanh(affine(w, "dense", { x })));
  return unroll(inputs, zeros(64), (x, h) => {
    const u = tanh(affine(w, `${at}.u`, { x, h }));
    return tanh(affine(w, `${at}.h`, { u }));
  });
};

const skipConnections: Network = (w, xs) => {
  const at = "h.shortcut";
  const states = unroll(xs, zeros(64), (x, h) => {
    const u = tanh(affine(w, `${at}.u`, { x, h }));
    return tanh(affine(w, `${at}.h`, { u, h }));
  });
  return states.map((h, t) => [...xs[t]!, ...h]);
};

const scrn: Network = (w, xs) => {
  const states = unroll(xs, { s: zeros(40), h: zeros(100) }, (x, { s, h }) => {
    const slow = each((bx, old) => 0.05 * bx + 0.95 * old, linear(w, "scrn.s", { x }), s);
    return { s: slow, h: sigmoid(linear(w, "scrn.h", { s: slow, x, h })) };
  });
  return states.map(({ s, h }) => [...h, ...s]);
};

const irnn: Network = (w, xs) =>
  unroll(xs, zeros(32), (x, h) => relu(add(affine(w, "irnn.h", { x }), product(w("irnn.W"), h))));

const layernormLstm: Network = (w, xs) => {
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
const zoneoutLstm: Network = (w, xs) => {
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

const projectedLstm: Network = (w, xs) => {
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

const indrnn =
  (at: string): Network =>
  (w, xs) =>
    unroll(xs, zeros(64), (x, h) => relu(add(affine(w, `${at}.h`, { x }), mul(w(`${at}.u`), h))));

const mgu: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) => {
    const f = sigmoid(affine(w, "mgu.f", { x, h }));
    return mix(f, h, tanh(affine(w, "mgu.g", { x, past: mul(f, h) })));
  });

const rhn: Network = (w, xs) => {
  const highway = (at: string, operands: Readonly<Record<string, Vector>>, s: Vector): number[] =>
    mix(sigmoid(affine(w, at, operands, ".2")), s, tanh(affine(w, at, operands, ".1")));
  return unroll(xs, zeros(100), (x, s3) => {
    const s1 = highway("rhn.s1", { x, s3 }, s3);
    const s2 = highway("rhn.s2", { s1 }, s1);
    return highway("rhn.s3", { s2 }, s2);
  });
};

const mut1: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) => {
    const z = sigmoid(affine(w, "mut1.z", { x }));
    const r = sigmoid(affine(w, "mut1.r", { x, h }));
    return mix(z, h, tanh(add(affine(w, "mut1.h", { past: mul(r, h) }), tanh(x))));
  });

const minGru: Network = (w, xs) =>
  unroll(xs, zeros(100), (x, h) =>
    mix(sigmoid(affine(w, "min_gru.z", { x })), h, affine(w, "min_gru.h", { x })),
  );

const linearMemory: Network = (w, xs) => {
  const states = unroll(xs, zeros(16), (x, h) => add(h, product(w("linear_rnn.h.W"), tanh(x))));
  return states.map((x) => tanh(affine(w, "dense", { x })));
};

const keyTerms: Network = (w, xs) => {
  const h = lstm("h.lstm")(w, xs);
  const query = h.at(-1)!;
  const scores = softmax(h.map((at) => mul(query, at).reduce((a, b) => a + b)));
  const read = h.map((at, t) => at.map((x) => scores[t]! * x)) as [number[], ...number[][]];
  return [[...query, ...add(...read)]];
};

const chain =
  (...all: readonly Network[]): Network =>
  (w, xs) =>
    all.reduce((values, network) => network(w, values), xs);

const dense: Network = (w, xs) => xs.map((x) => tanh(affine(w, "dense", { x })));

const both =
  (ahead: Network, back: Network): Network =>
  (w, xs) => {
    const [a, b] = [ahead(w, xs), back(w, xs)];
    return a.map((h, t) => [...h, ...b[t]!]);
  };

const last =
  (network: Network): Network =>
  (w, xs) =>
    network(w, xs).slice(-1);

/** What each example has between its inputs and its output layer; jordan's output layer is within. */
export const networks: Readonly<Record<string, Network>> = {
  "feed-forward-slots": (w, xs) => xs.map((x) => sigmoid(affine(w, "dense", { x }))),
  elman: elman("elman"),
  jordan,
  deep: chain(elman("elman.1"), elman("elman.2"), elman("elman.3")),
  bidirectional: both(elman("forward.elman"), elman("backward.elman", tanh, unrollBack)),
  "deep-transition": deepTransition,
  "deep-output": chain(elman("elman"), dense),
  "skip-connections": skipConnections,
  lstm: lstm("lstm"),
  "lstm-peephole": lstm("lstm", { peephole: true }),
  "lstm-coupled": lstm("lstm", { coupled: true }),
  "lstm-1997": last(lstm("lstm", { remember: true })),
  gru: gru("gru", "before"),
  "gru-simple": gru("gru", "simple"),
  "gru-reset-after": gru("gru", "after"),
  "linear-memory": last(linearMemory),
  scrn,
  irnn: last(irnn),
  sigmoid: last(elman("elman", sigmoid)),
  "layernorm-lstm": layernormLstm,
  "zoneout-lstm": zoneoutLstm,
  "projected-lstm": projectedLstm,
  indrnn: last(chain(indrnn("indrnn.1"), indrnn("indrnn.2"))),
  mgu,
  rhn,
  mut1,
  "min-gru": minGru,
  sentiment: last(gru("gru", "after")),
  "key-terms": keyTerms,
  "slot-filling": both(lstm("forward.lstm"), lstm("backward.lstm", { run: unrollBack })),
  "named-entities": chain(both(gru("forward.gru", "after"), gru("backward.gru", "after", unrollBack)), dense),
  "language-model-words": lstm("lstm"),
  charlm: lstm("lstm"),
  tagger: both(
    lstm("forward.lstm", { peephole: true }),
    lstm("backward.lstm", { peephole: true, run: unrollBack }),
  ),
  dropout: lstm("lstm"),
};
