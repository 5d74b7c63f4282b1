/** Attention with several heads (Vaswani et al. 2017), in plain loops. */
import type { Network } from "./recurrent.ts";
import { add, normalise, product, softmax, type Vector, zeros } from "./reference.ts";

const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, k) => sum + x * b[k]!, 0);

/** Four heads of 8 over vectors of 32, added to what flows in, and normalised. */
export const multiHead: Network = (w, xs) => {
  const [heads, d, n] = [4, 8, 32];
  const found = xs.map(() => [] as number[]);
  for (let head = 0; head < heads; head++) {
    const mapped = (name: string): Vector[] => {
      const matrix = w(`multi_head.${name}`).slice(head * d * n, (head + 1) * d * n);
      return xs.map((x) => product(matrix, x));
    };
    const [queries, keys, values] = [mapped("Q"), mapped("K"), mapped("V")] as [Vector[], Vector[], Vector[]];
    queries.forEach((query, t) => {
      const a = softmax(keys.map((key) => dot(query, key) / Math.sqrt(d)));
      const sum = values.reduce<Vector>(
        (total, v, s) =>
          add(
            total,
            v.map((x) => a[s]! * x),
          ),
        zeros(d),
      );
      found[t]!.push(...sum);
    });
  }
  return xs.map((x, t) => normalise(w, "normalise", add(x, product(w("multi_head.W"), found[t]!))));
};
