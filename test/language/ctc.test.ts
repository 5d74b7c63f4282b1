/**
 * Connectionist temporal classification against the sum over all paths, spelled out: losses, gradients (the softmax less
 * the posterior of each entry at each step), what is impossible, and steps past an example's end.
 */
import { describe, expect, test } from "vitest";
import { expectClose } from "./compare.ts";
import { emitted, type Item, type Rows, runners } from "./emissions.ts";
import { nest, normals, program } from "./program.ts";

const classes = 4;
const blank = classes - 1;

const drawn = (steps: number, seed: number, deviation = 1.5): Rows =>
  nest(normals(steps * classes, seed, deviation), [steps, classes]) as Rows;

const softmax = (row: readonly number[]): number[] => {
  const largest = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - largest));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((x) => x / total);
};

function* pathsOf(steps: number): Generator<readonly number[]> {
  if (steps === 0) yield [];
  else for (const rest of pathsOf(steps - 1)) for (let k = 0; k < classes; k++) yield [...rest, k];
}

const spelled = (path: readonly number[]): string =>
  path.filter((k, t) => k !== blank && k !== path[t - 1]).join(" ");

/** By going through every path. */
function enumerated({ emissions, labels }: Item): { readonly loss: number; readonly gradient: Rows } {
  const probabilities = emissions.map(softmax);
  const through = emissions.map(() => new Array<number>(classes).fill(0));
  let total = 0;
  for (const path of pathsOf(emissions.length)) {
    if (spelled(path) !== labels.join(" ")) continue;
    const probability = path.reduce((product, k, t) => product * probabilities[t]![k]!, 1);
    total += probability;
    path.forEach((k, t) => (through[t]![k]! += probability));
  }
  const gradient = probabilities.map((row, t) =>
    row.map((p, k) => (total === 0 ? 0 : p - through[t]![k]! / total)),
  );
  return { loss: -Math.log(total), gradient };
}

const ctc = (items: readonly Item[]) => emitted(items, "ctc(y, project = none)", `token(${blank})[L]`);

const targets: readonly { readonly name: string; readonly labels: readonly number[] }[] = [
  { name: "one label", labels: [1] },
  { name: "several", labels: [2, 0, 1] },
  { name: "a repeated one", labels: [1, 1] },
  { name: "repeated ones apart", labels: [0, 2, 2, 0] },
  { name: "none", labels: [] },
];

describe.each(targets)("$name", ({ labels }) => {
  test.each([1, 2, 3, 4, 5, 6])("in %i steps", async (steps) => {
    const item = { emissions: drawn(steps, 31 + steps), labels };
    const { loss, gradient } = enumerated(item);
    const { made, call, gradients } = ctc([item]);
    for (const runner of await runners(made)) {
      const lesson = runner.learn(call);
      const bound = runner.name === "module" ? 2e-6 : 1e-12;
      expect(lesson.impossible).toBe(loss === Infinity ? 1 : 0);
      if (loss === Infinity) expect(lesson.loss).toBe(Infinity);
      else expectClose([lesson.loss], [loss], bound);
      expectClose(gradients(lesson.gradients)[0]!.flat(), gradient.flat(), bound);
      expectClose([runner.evaluate(call)].filter(Number.isFinite), [loss].filter(Number.isFinite), bound);
    }
  });
});

test("a batch of different lengths, with NaN past their ends", async () => {
  const items: readonly Item[] = [
    { emissions: drawn(6, 1), labels: [0, 1] },
    { emissions: drawn(2, 2), labels: [2] },
    { emissions: drawn(4, 3), labels: [] },
    { emissions: drawn(5, 4), labels: [1, 1, 2] },
    { emissions: [], labels: [] },
  ];
  const wanted = items.map(enumerated);
  const { made, call, gradients } = ctc(items);
  for (const runner of await runners(made)) {
    const bound = runner.name === "module" ? 2e-6 : 1e-12;
    const lesson = runner.learn(call);
    expectClose([lesson.loss], [wanted.reduce((sum, { loss }) => sum + loss, 0) / items.length], bound);
    gradients(lesson.gradients).forEach((rows, b) =>
      expectClose(
        rows.flat(),
        wanted[b]!.gradient.flat().map((x) => x / items.length),
        bound,
      ),
    );
    expect(lesson.gradients.get("E")!.slice(0, classes)).toEqual(new Array(classes).fill(0));
  }
});

describe("an impossible target", () => {
  const good: Item = { emissions: drawn(5, 8), labels: [0, 2] };
  const tooLong: Item = { emissions: drawn(2, 9), labels: [0, 1, 2] };
  // Two equal labels need a blank between them.
  const noRoom: Item = { emissions: drawn(2, 10), labels: [1, 1] };
  const noSteps: Item = { emissions: [], labels: [2] };

  test("is left out of its batch, and counted", async () => {
    const { loss, gradient } = enumerated(good);
    const { made, call, gradients } = ctc([tooLong, good, noRoom, noSteps]);
    for (const runner of await runners(made)) {
      const bound = runner.name === "module" ? 2e-6 : 1e-12;
      const lesson = runner.learn(call);
      expect(lesson.impossible).toBe(3);
      expectClose([lesson.loss, runner.evaluate(call)], [loss, loss], bound);
      const [first, own, ...rest] = gradients(lesson.gradients);
      expectClose(own!.flat(), gradient.flat(), bound);
      for (const rows of [first!, ...rest]) expect(rows.flat().every((x) => x === 0)).toBe(true);
    }
  });

  test("gives inf where no example is left, and the gradient 0", async () => {
    const { made, call } = ctc([tooLong, noRoom]);
    for (const runner of await runners(made)) {
      const { loss, impossible, gradients } = runner.learn(call);
      expect([loss, impossible]).toEqual([Infinity, 2]);
      expect([...gradients.values()].flat().every((x) => x === 0)).toBe(true);
    }
  });

  test("a loss that is not a number is not taken for one", async () => {
    const { made, call } = ctc([
      good,
      { emissions: drawn(3, 4).map((row) => row.map(() => NaN)), labels: [0] },
    ]);
    for (const runner of await runners(made)) {
      const { loss, impossible } = runner.learn(call);
      expect([loss, impossible]).toEqual([NaN, 0]);
    }
  });
});

describe("emissions of great size", () => {
  test("two hundred times as large, the loss and its gradient are finite", async () => {
    const item = { emissions: drawn(6, 5, 200), labels: [0, 1, 1] };
    const { made, call, gradients } = ctc([item]);
    const [reference, module] = await runners(made);
    const [wanted, found] = [reference!.learn(call), module!.learn(call)];
    expect(Number.isFinite(wanted.loss)).toBe(true);
    expectClose([found.loss], [wanted.loss], 1e-6);
    expectClose(gradients(found.gradients)[0]!.flat(), gradients(wanted.gradients)[0]!.flat(), 2e-4);
  });

  test.each([-1e30, -Infinity])("a label with %d at every step", async (value) => {
    const emissions = drawn(6, 6).map((row) => [value, ...row.slice(1)]);
    const { made, call } = ctc([{ emissions, labels: [0, 1] }]);
    for (const runner of await runners(made)) {
      const { loss, gradients } = runner.learn(call);
      expect(loss).toBeGreaterThanOrEqual(-value * (1 - 1e-6));
      expect(gradients.get("E")!.every(Number.isFinite)).toBe(true);
    }
  });
});

test("a program without inf counts nothing", () => {
  const plain = program("input x : f32[T, 2]  target y : token(3)[T]  x >> softmax(y)");
  expect(plain.model.graph.outputs.filter(({ role }) => role === "metric")).toEqual([]);
});
