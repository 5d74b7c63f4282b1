/** Published cases of SimpleRNN, GRU, LSTM and their wrappers, in both runners, where the folder of them is at hand. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { type GoldenCase, parametersOf, sourceOf, type Step, unmasked, weightsOf } from "./golden.ts";
import { moduleOf } from "./module.ts";
import {
  flat,
  type Nested,
  type Prediction,
  program,
  type Program,
  type Runner,
  type Values,
} from "./program.ts";

interface CellsCase {
  readonly id: string;
  readonly forgetBias: number;
  readonly input: readonly Nested[];
  readonly cells: readonly {
    readonly kernel: readonly (readonly number[])[];
    readonly bias: readonly number[];
  }[];
  readonly expect: { readonly c: readonly number[]; readonly h: readonly number[] };
  readonly tol: number;
}

interface GraphCase {
  readonly id: string;
  readonly graph: string;
  readonly steps: readonly Step[];
}

type AnyCase = GoldenCase | CellsCase | GraphCase;

const file = new URL("../../../shared/golden/layers_recurrent.json", import.meta.url);
const present = existsSync(file);
const all = present ? (JSON.parse(readFileSync(file, "utf8")) as { cases: readonly AnyCase[] }).cases : [];
const layered = all.filter((c): c is GoldenCase => "layers" in c);

test.skipIf(!present)("there are published cases", () => {
  expect(all.length).toBe(36);
});

const kinds = ["evaluator", "module"] as const;
const runnerOf = async (made: Program, kind: string): Promise<Runner> =>
  kind === "module" ? await moduleOf(made) : evaluator(made);

describe.skipIf(!present).each(layered)("$id", (given) => {
  test.each(kinds)("in the %s", async (kind) => {
    const made = program(sourceOf(given));
    const runner = await runnerOf(made, kind);
    const stateful = made.source.includes("stateful");
    let parameters: Values = parametersOf(made, given);
    let states: Values | undefined;
    for (const step of given.steps)
      switch (step.op) {
        case "resetStates":
          states = undefined;
          break;
        case "apply":
        case "predict": {
          const start = step.initialState ? initialStates(made, step.initialState) : states;
          const call = { data: { x: unmasked(step.x) }, parameters, ...(start ? { states: start } : {}) };
          const found = runner.predict(call);
          expectPrediction(found, step, given.layers[0]!.type === "embedding");
          if (stateful) states = found.states;
          break;
        }
        case "fit": {
          for (let epoch = 0; epoch < step.epochs; epoch++) {
            let total = 0;
            for (let k = 0; k < step.x.length; k += step.batchSize) {
              const data = {
                x: unmasked(step.x.slice(k, k + step.batchSize)),
                want: step.y.slice(k, k + step.batchSize),
              };
              const start = states ? { states } : {};
              const done = runner.descend({ data, parameters, ...start }, given.compile!.learningRate);
              ({ parameters } = done);
              if (stateful) ({ states } = done);
              total += done.loss * data.x.length;
            }
            if (step.expectLoss)
              expectClose([total / step.x.length], [step.expectLoss[epoch]!], step.tol, 1, "loss");
          }
          break;
        }
        case "weights": {
          const wanted = weightsOf(made, given, step);
          expect(wanted.flatMap(([, values]) => values).length).toBe(flat(step.expect).length);
          for (const [name, values] of wanted) expectNear(parameters.get(name)!, values, step.tol, name);
          break;
        }
        default:
          step.op satisfies never;
      }
  });
});

/** Absolute, as published. */
function expectNear(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length);
  actual.forEach((x, k) =>
    expect(Math.abs(x - expected[k]!), `${what} [${k}]: ${x}, not ${expected[k]}`).toBeLessThanOrEqual(
      tolerance,
    ),
  );
}

/** Forwards before backwards, h before c. */
const stateOrder = (name: string): number =>
  (/\bbackward\b|\by1\b/u.test(name) ? 2 : 0) + (name.endsWith(".c") ? 1 : 0);

const inOrder = (names: Iterable<string>): string[] =>
  [...names].sort((a, b) => stateOrder(a) - stateOrder(b));

function initialStates({ model }: Program, given: readonly Nested[]): Values {
  const names = model.graph.outputs.flatMap(({ name, role }) =>
    role === "carry" && name.startsWith("predict:") ? [name.slice("predict:".length)] : [],
  );
  return new Map(inOrder(names).map((name, k) => [name, flat(given[k]!)]));
}

/** Outputs first, then states. What is published past a masked end repeats the last step; ours ends there. */
function expectPrediction(
  { outputs, states }: Prediction,
  { expect: published, tol }: Step,
  masked: boolean,
): void {
  const values = [...outputs.values()];
  const wanted = published as readonly (readonly Nested[])[];
  values.forEach((examples, k) => {
    expect(examples.length).toBe(wanted[k]!.length);
    examples.forEach((own, b) => {
      const all = flat(wanted[k]![b]!);
      expectNear(own, masked ? all.slice(0, own.length) : all, tol, `example ${b}`);
    });
  });
  const finals = wanted.slice(values.length);
  inOrder(states.keys()).forEach((name, k) => {
    if (finals[k]) expectNear(states.get(name)!, flat(finals[k]), tol, name);
  });
  expect(finals.length === 0 || finals.length === states.size).toBe(true);
}

const byId = <T extends AnyCase>(id: string): T => all.find((c) => c.id === id) as T;

describe.skipIf(!present)("timedist-mask-dot", () => {
  test.each(kinds)("in the %s", async (kind) => {
    const layer = "embed(3) >> lstm(3, gate = hard_sigmoid)";
    // A dense map of y beside its products with the four steps of z, side by side: the weights of those are w.
    const made = program(`input p : token(10)[T]  input q : token(10)[s: 4]
      param w[s: 4] = ones
      let y = p >> ${layer}   let z = q >> ${layer}
      output all = (y >> dense(1)) + sum(s: w[s] * dot(y, z[s]))`);
    const parameters = new Map(
      made.model.parameters.map((p): [string, number[]] => {
        const one = !p.name.endsWith(".b") || p.name.endsWith(".f.b");
        const size = p.axes.reduce((n, axis) => n * (axis.size.kind === "fixed" ? axis.size.size : 1), 1);
        return [p.name, new Array<number>(size).fill(one ? 1 : 0)];
      }),
    );
    for (const { x, expect: published, tol } of byId<GraphCase>("timedist-mask-dot").steps) {
      const [p, q] = x as readonly (readonly Nested[])[];
      const data = { p: unmasked(p!), q: q! };
      const { outputs } = (await runnerOf(made, kind)).predict({ data, parameters });
      const [wanted] = published as readonly (readonly Nested[])[];
      outputs
        .get("all")!
        .forEach((own, b) => expectNear(own, flat(wanted![b]!).slice(0, own.length), tol, `example ${b}`));
    }
  });
});

describe.skipIf(!present)("multi-basic-lstm-cell", () => {
  test.each(kinds)("in the %s", async (kind) => {
    const given = byId<CellsCase>("multi-basic-lstm-cell");
    const made = program(`input x : f32[T, 2]
      let first = x >> lstm(1, stateful)   let second = first >> lstm(1, stateful)   output second`);
    // A kernel's rows are the inputs and then the last output, its columns the gates i, g, f, o.
    const parameters = new Map(
      ["first", "second"].flatMap((name, cell) =>
        ["i", "g", "f", "o"].flatMap((gate, k): [string, number[]][] => {
          const { kernel, bias } = given.cells[cell]!;
          const column = kernel.map((row) => row[k]!);
          return [
            [`${name}.lstm.${gate}.Wx`, column.slice(0, -1)],
            [`${name}.lstm.${gate}.Wh`, column.slice(-1)],
            [`${name}.lstm.${gate}.b`, [bias[k]! + (gate === "f" ? given.forgetBias : 0)]],
          ];
        }),
      ),
    );
    const data = { x: given.input.map((frame) => [frame]) };
    const { states, outputs } = (await runnerOf(made, kind)).predict({ data, parameters });
    ["first", "second"].forEach((name, k) => {
      expectNear(states.get(`state:${name}.lstm.c`)!, [given.expect.c[k]!], given.tol, `c of ${name}`);
      expectNear(states.get(`state:${name}.lstm.h`)!, [given.expect.h[k]!], given.tol, `h of ${name}`);
    });
    expectNear(outputs.get("second")![0]!, [given.expect.h[1]!], given.tol, "output");
  });
});
