/** ‖∂L/∂h[t]‖ against closed forms, and the loss over two weights against its formula. */
import { describe, expect, test } from "vitest";
import { gradientFlow } from "../../src/compile/gradient-flow.ts";
import { lossSurface } from "../../src/compile/loss-surface.ts";
import { startingPoint, type StartingPoint } from "../../src/compile/starting-point.ts";

const unit = (w: number): string => `input x : f32[T, 1]
target y : f32[1]
cell unit() (x) {
  param w[1] = ${w}
  param u[1] = 0.5
  state h[1]
  h = w * h[t-1] + u * x
  return h
}
output last_value = x >> unit() >> last
minimize mse(last_value, y)
`;

/** x, examples first, and y of a program with these two. */
function dataOf({ environment }: StartingPoint): { x: number[][][]; y: number[] } {
  const { batch, inputs } = environment;
  const { sizes, data } = inputs.get("x")!;
  const [steps, , features] = sizes as [number, number, number];
  const at = (t: number, b: number, k: number): number => data[(t * batch + b) * features + k]!;
  return {
    x: Array.from({ length: batch }, (_, b) =>
      Array.from({ length: steps }, (_, t) => Array.from({ length: features }, (_, k) => at(t, b, k))),
    ),
    y: [...inputs.get("y")!.data],
  };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const outputOf = (x: readonly number[][], w: number, u: number): number =>
  x.reduce((h, [value]) => w * h + u * value!, 0);

describe.each([1.01, 1, 0.99])("one unit over a thousand steps, w = %d", (w) => {
  const options = { length: 1000 };

  test("the gradient is 2 |y - target| |w|^(T-1-t)", async () => {
    const [flow] = (await gradientFlow(unit(w), "unit.rnn", options))!;
    const { x, y } = dataOf((await startingPoint(unit(w), "unit.rnn", options))!);
    const exact = Math.fround(w);
    const end = mean(x.map((example, b) => 2 * Math.abs(outputOf(example, exact, 0.5) - y[b]!)));
    expect(flow).toMatchObject({ state: "last_value.unit.h", axis: "T", reverse: false });
    flow!.norms.forEach((norm, t) => expect(norm / (end * exact ** (999 - t))).toBeCloseTo(1, 10));
  });
});

test("a tanh layer, against back-propagation written out", async () => {
  const source = `input x : f32[T, 2]
target y : f32[1]
x >> elman(3) >> last >> regress(y)
`;
  const options = { length: 12, seed: 4 };
  const [flow] = (await gradientFlow(source, "a.rnn", options))!;
  const start = (await startingPoint(source, "a.rnn", options))!;
  const { x, y } = dataOf(start);
  const parameter = (name: string): number[][] => {
    const { data, sizes } = start.environment.params.get(name)!;
    const width = sizes[1] ?? 1;
    return Array.from({ length: sizes[0]! }, (_, r) => [...data.slice(r * width, (r + 1) * width)]);
  };
  const [Wx, Wh, b, W, c] = ["elman.h.Wx", "elman.h.Wh", "elman.h.b", "regress.W", "regress.b"].map(
    parameter,
  ) as [number[][], number[][], number[][], number[][], number[][]];
  const dot = (row: readonly number[], v: readonly number[]): number =>
    row.reduce((sum, value, k) => sum + value * v[k]!, 0);
  const norms = x.map((steps, example) => {
    const h = [[0, 0, 0]];
    for (const value of steps)
      h.push(Wx.map((row, i) => Math.tanh(dot(row, value) + dot(Wh[i]!, h.at(-1)!) + b[i]![0]!)));
    const error = dot(W[0]!, h.at(-1)!) + c[0]![0]! - y[example]!;
    let dh = W[0]!.map((weight) => 2 * error * weight);
    const found = [Math.hypot(...dh)];
    for (let t = steps.length; t > 1; t--) {
      const dz = dh.map((value, i) => value * (1 - h[t]![i]! ** 2));
      dh = dh.map((_, j) =>
        dot(
          dz,
          Wh.map((row) => row[j]!),
        ),
      );
      found.unshift(Math.hypot(...dh));
    }
    return found;
  });
  expect(flow!.norms).toHaveLength(12);
  flow!.norms.forEach((norm, t) => expect(norm).toBeCloseTo(mean(norms.map((n) => n[t]!)), 12));
});

test("each state has its own: what only the last step reads gets nothing before it", async () => {
  const source = `input x : f32[T, 1]
target y : f32[1]
cell two() (x) {
  state c[1], h[1]
  c = 0.9 * c[t-1] + x
  h = 0.5 * c
  return h
}
output z = x >> two() >> last
minimize mse(z, y)
`;
  const flows = (await gradientFlow(source, "a.rnn", { length: 20 }))!;
  const norms = new Map(flows.map((flow) => [flow.state, flow.norms]));
  const [c, h] = [norms.get("z.two.c")!, norms.get("z.two.h") ?? Array<number>(20).fill(0)];
  c.forEach((norm, t) => expect(norm / (c[19]! * 0.9 ** (19 - t))).toBeCloseTo(1, 12));
  expect(h.slice(0, 19)).toEqual(Array<number>(19).fill(0));
});

test("backwards the gradient grows towards the end", async () => {
  const source = `input x : f32[T, 2]
target y : f32[1]
x >> elman(4, act = sigmoid) >> bidir >> last >> regress(y)
`;
  const [forwards, backwards] = (await gradientFlow(source, "a.rnn", { length: 30 }))!;
  expect([forwards!.reverse, backwards!.reverse]).toEqual([false, true]);
  expect(forwards!.norms[0]! / forwards!.norms[29]!).toBeLessThan(1e-8);
  expect(backwards!.norms[29]! / backwards!.norms[0]!).toBeLessThan(1e-8);
});

test("a lattice is a recurrence too, along an axis that follows from the data's", async () => {
  const source = `input e : f32[T, 6]
target y : token(4)[L]
e >> gru(5) >> ctc(y)
`;
  const flows = (await gradientFlow(source, "a.rnn", { length: 9 }))!;
  expect(flows.map(({ state }) => state)).toEqual(expect.arrayContaining(["gru.h", "ctc.α"]));
  for (const { norms } of flows) {
    expect(norms).toHaveLength(9);
    expect(norms.every((norm) => norm > 0 && Number.isFinite(norm))).toBe(true);
  }
});

test("a program without a loss has no flow", async () => {
  expect(await gradientFlow("input x : f32[T, 2]\nx >> elman(3)\n", "a.rnn")).toBeNull();
});

test("the surface of the unit is (u Σ w^(T-1-t) x[t] - y)²", async () => {
  const start = (await startingPoint(unit(1), "unit.rnn", { length: 200 }))!;
  const w = { parameter: "last_value.unit.w", element: 0, low: 0.95, high: 1.03 };
  const u = { parameter: "last_value.unit.u", element: 0, low: -1, high: 1 };
  const surface = lossSurface(start, w, u, 9);
  const { x, y } = dataOf(start);
  expect(surface.x).toHaveLength(9);
  expect([surface.x[0], surface.y.at(-1)]).toEqual([0.95, 1]);
  surface.losses.forEach((row, j) =>
    row.forEach((loss, i) => {
      const formula = mean(
        x.map((example, b) => (outputOf(example, surface.x[i]!, surface.y[j]!) - y[b]!) ** 2),
      );
      expect(loss / formula).toBeCloseTo(1, 3);
    }),
  );
  // The cliff: from one weight to the next the loss grows a hundredfold more than on the plain.
  const top = surface.losses[8]!;
  expect((top[8]! - top[7]!) / (top[1]! - top[0]!)).toBeGreaterThan(100);
});
