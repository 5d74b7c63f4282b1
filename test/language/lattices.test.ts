/** Recurrences over lattices, as a user writes them in a `fn`, against the loops that they stand for. */
import { describe, expect, test } from "vitest";
import { expectClose } from "./compare.ts";
import type { Rows } from "./emissions.ts";
import { runners } from "./emissions.ts";
import { checkCases } from "./gradients.ts";
import { type Data, nest, normals, program, single, whole } from "./program.ts";

const rows = (steps: number, width: number, seed: number): Rows =>
  nest(normals(steps * width, seed), [steps, width]) as Rows;

const logAddExp = (...values: readonly number[]): number => {
  const largest = Math.max(...values);
  return largest === -Infinity
    ? -Infinity
    : largest + Math.log(values.reduce((sum, x) => sum + Math.exp(x - largest), 0));
};

/** What `y` is, example by example, in both runners. */
async function expectResult(source: string, data: Data, wanted: readonly (readonly number[])[]) {
  for (const runner of await runners(program(source))) {
    const { outputs } = runner.predict({ data, parameters: new Map() });
    wanted.forEach((values, b) =>
      expectClose(outputs.get("y")![b]!, values, runner.name === "module" ? 3e-6 : 1e-12, 1, `example ${b}`),
    );
  }
}

describe("along two axes", () => {
  test("the edit distance of two sequences", async () => {
    const distance = (a: readonly number[], b: readonly number[]): number => {
      const D = [...a, 0].map(() => [...b, 0].map(() => 0));
      for (let u = 0; u <= a.length; u++)
        for (let v = 0; v <= b.length; v++)
          D[u]![v] =
            u === 0 || v === 0
              ? u + v
              : Math.min(
                  D[u - 1]![v]! + 1,
                  D[u]![v - 1]! + 1,
                  D[u - 1]![v - 1]! + (a[u - 1] === b[v - 1] ? 0 : 1),
                );
      return D[a.length]![b.length]!;
    };
    const lengths: readonly (readonly [number, number])[] = [
      [5, 7],
      [1, 4],
      [6, 1],
      [3, 3],
    ];
    const a = lengths.map(([n], b) => whole(n, 10 + b, 3));
    const b = lengths.map(([, n], b) => whole(n, 20 + b, 3));
    await expectResult(
      `fn distance(a[i], b[j]) {
         D[u: |i| + 1, v: |j| + 1] =
           if u == 0 or v == 0 then u + v
           else min(D[u-1, v] + 1, D[u, v-1] + 1, D[u-1, v-1] + (if a[u-1] == b[v-1] then 0 else 1))
         return D[-1, -1]
       }
       input a : token(3)[I]  input b : token(3)[J]  output y = distance(a, b)`,
      { a, b },
      lengths.map((_, k) => [distance(a[k]!, b[k]!)]),
    );
  });

  // Blanks go on in t, labels in u (Graves 2012).
  const transducer = `fn transduced(blank[t, u], label[t, u]) {
    α[t, u] = if t == 0 and u == 0 then 0
              else logsumexp(α[t-1, u | -inf] + blank[t-1, u], α[t, u-1 | -inf] + label[t, u-1])
    return -(α[-1, -1] + blank[-1, -1])
  }`;

  test("an RNN transducer's loss", async () => {
    const loss = (blank: Rows, label: Rows): number => {
      const α = blank.map((row) => row.map(() => -Infinity));
      for (let t = 0; t < blank.length; t++)
        for (let u = 0; u < blank[0]!.length; u++)
          α[t]![u] =
            t + u === 0
              ? 0
              : logAddExp(
                  t > 0 ? α[t - 1]![u]! + blank[t - 1]![u]! : -Infinity,
                  u > 0 ? α[t]![u - 1]! + label[t]![u - 1]! : -Infinity,
                );
      return -(α.at(-1)!.at(-1)! + blank.at(-1)!.at(-1)!);
    };
    const sizes: readonly (readonly [number, number])[] = [
      [4, 3],
      [1, 2],
      [5, 1],
      [1, 1],
    ];
    const blank = sizes.map(([t, u], b) => rows(t, u, 30 + b));
    const label = sizes.map(([t, u], b) => rows(t, u, 40 + b));
    await expectResult(
      `${transducer}\ninput blank : f32[T, U]  input label : f32[T, U]  output y = transduced(blank, label)`,
      { blank, label },
      sizes.map((_, k) => [loss(blank[k]!, label[k]!)]),
    );
  });

  checkCases([
    {
      name: "its gradient",
      source: `${transducer}
        input audio : f32[T, 2]  input text : token(4)[U]  input before : f32[3]
        let f = audio >> dense(3)   let g = text >> embed(3)
        param w[3] = ones  param v[3] = ones
        minimize transduced(sum(w * tanh(f + g)), sum(v * tanh(f + g + before)))`,
      lengths: { T: [3, 1, 4], U: [2, 3, 1] },
      idle: [],
    },
  ]);
});

describe("from the end", () => {
  const lengths = [4, 1, 3];
  const x = lengths.map((n, b) => rows(n, 2, 50 + b));
  const A = [
    [0.3, -0.7],
    [1.1, 0.2],
  ].map(single);
  const chain = `param A[i: 2, j: 2] = zeros
     α[t, k] = e[t, k] + (if t == 0 then 0 else logsumexp(i: α[t-1, i] + A[i, k]))
     β[t, k] = if t == |t| - 1 then 0 else logsumexp(j: β[t+1, j] + e[t+1, j] + A[k, j])
     logZ = logsumexp(k: α[-1, k])`;
  const source = (result: string): string => `fn of(e[t, k]) { ${chain}\n return ${result} }
    input x : f32[T, 2]  output y = of(x)`;

  test("the sums over what is still to come", async () => {
    const wanted = x.map((e) => {
      const β = e.map(() => [0, 0]);
      for (let t = e.length - 2; t >= 0; t--)
        for (const k of [0, 1])
          β[t]![k] = logAddExp(...[0, 1].map((j) => β[t + 1]![j]! + e[t + 1]![j]! + A[k]![j]!));
      return β.flat();
    });
    for (const runner of await runners(program(source("β")))) {
      const { outputs } = runner.predict({ data: { x }, parameters: new Map([["y.A", A.flat()]]) });
      wanted.forEach((values, b) => expectClose(outputs.get("y")![b]!, values, 2e-6));
    }
  });

  test("forwards and backwards together are the marginals", async () => {
    const parameters = new Map([["y.A", A.flat()]]);
    const [both, read] = [program(source("exp(α + β - logZ)")), program(source("marginals(logZ, e)"))];
    const [product, gradient] = [await runners(both), await runners(read)];
    product.forEach((runner, k) => {
      const found = runner.predict({ data: { x }, parameters }).outputs.get("y")!;
      const wanted = gradient[k]!.predict({ data: { x }, parameters }).outputs.get("y")!;
      found.forEach((values, b) =>
        expectClose(values, wanted[b]!, runner.name === "module" ? 2e-6 : 1e-12, 1, `example ${b}`),
      );
      // At each step they add up to one, so they are not both nothing.
      for (let t = 0; t < lengths[0]!; t++)
        expect(found[0]![2 * t]! + found[0]![2 * t + 1]!).toBeCloseTo(1, 5);
    });
  });
});

describe("within one axis", () => {
  const lengths = [5, 1, 2];
  const x = lengths.map((n, b) => normals(n, 60 + b));

  test("a filler stands for what was before the first step", async () => {
    await expectResult(
      "fn highest(x[t]) { m[t] = max(x[t], m[t-1 | -inf])  return m }  input x : f32[T]  output y = highest(x)",
      { x },
      x.map((values) => values.map((_, t) => Math.max(...values.slice(0, t + 1)))),
    );
  });

  test("equations of one circle, of one and two steps ago", async () => {
    const wanted = x.map((values) => {
      const [a, b, c] = [[] as number[], [] as number[], [] as number[]];
      values.forEach((value, t) => {
        a[t] = value + 0.5 * (b[t - 1] ?? 0);
        b[t] = Math.tanh(a[t]! + (c[t - 1] ?? 1));
        c[t] = a[t]! * b[t]! - (t >= 2 ? a[t - 2]! : 0);
      });
      return c;
    });
    await expectResult(
      `fn three(x[t]) {
         a[t] = x[t] + 0.5 * b[t-1]
         b[t] = tanh(a[t] + c[t-1 | 1])
         c[t] = a[t] * b[t] - a[t-2]
         return c
       }
       input x : f32[T]  output y = three(x)`,
      { x },
      wanted,
    );
  });
});
