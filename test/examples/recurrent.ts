/** The library's recurrent layers in plain loops, equation by equation: what each makes of the vectors that flow in. */
import {
  add,
  affine,
  each,
  mix,
  mul,
  product,
  sigmoid,
  tanh,
  unroll,
  zeros,
  type Vector,
  type Weights,
} from "./reference.ts";

/** Of all steps. */
export type Network = (w: Weights, xs: readonly Vector[]) => readonly Vector[];

export const elman =
  (at: string, act = tanh, run = unroll): Network =>
  (w, xs) =>
    run(xs, zeros(w(`${at}.h.b`).length), (x, h) => act(affine(w, `${at}.h`, { x, h })));

export interface LstmOptions {
  readonly peephole?: boolean;
  readonly coupled?: boolean;
  readonly remember?: boolean;
  readonly run?: typeof unroll;
}

export interface Memory {
  readonly c: Vector;
  readonly h: Vector;
}

export const lstm =
  (at: string, { run = unroll, ...options }: LstmOptions = {}): Network =>
  (w, xs) => {
    const n = w(`${at}.i.b`).length;
    const start: Memory = { c: zeros(n), h: zeros(n) };
    return run<Memory>(xs, start, (x, before) => lstmStep(w, at, x, before, options)).map(({ h }) => h);
  };

export function lstmStep(
  w: Weights,
  at: string,
  x: Vector,
  { c, h }: Memory,
  { peephole, coupled, remember }: LstmOptions = {},
): Memory {
  const gate = (name: string, cell: Vector): number[] => {
    const seen = affine(w, `${at}.${name}`, { x, h });
    return sigmoid(peephole ? add(seen, mul(w(`${at}.${name}.diag.c`), cell)) : seen);
  };
  const i = gate("i", c);
  const f = coupled ? each((i) => 1 - i, i) : remember ? each(() => 1, i) : gate("f", c);
  const g = tanh(affine(w, `${at}.g`, { x, h }));
  const next = add(mul(f, c), mul(i, g));
  const o = gate("o", next);
  return { c: next, h: mul(o, tanh(next)) };
}

export const gru =
  (at: string, kind: GruKind, run = unroll): Network =>
  (w, xs) =>
    run(xs, zeros(w(`${at}.z.b`).length), (x, h) => gruStep(w, at, kind, x, h));

export type GruKind = "before" | "after" | "simple";

export function gruStep(w: Weights, at: string, kind: GruKind, x: Vector, h: Vector): number[] {
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
}

/** Two directions side by side. */
export const both =
  (ahead: Network, back: Network): Network =>
  (w, xs) => {
    const [a, b] = [ahead(w, xs), back(w, xs)];
    return a.map((h, t) => [...h, ...b[t]!]);
  };
