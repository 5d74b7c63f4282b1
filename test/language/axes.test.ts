/** Whatever axes data have and in whatever order they are declared: the module agrees with the evaluator. */
import { describe, expect, test } from "vitest";
import { expectClose, expectGradients } from "./compare.ts";
import { differences } from "./differences.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program } from "./program.ts";

const programs = [
  {
    name: "a fixed axis before the sequence",
    source: "input x : f32[H: 3, T, 2]  target y : f32[H: 3, T, 2]\nx >> elman(3) >> regress(y)",
  },
  {
    name: "a fixed axis after the sequence",
    source: "input x : f32[T, H: 3, 2]  target y : f32[T, H: 3, 2]\nx >> gru(3) >> regress(y)",
  },
  {
    name: "two fixed axes",
    source: `input x : f32[T, W: 2, 3]  target y : f32[W: 2, 4]
      x >> elman(4) >> last >> regress(y)`,
  },
  {
    name: "a fixed sequence",
    source: "input x : f32[S: 4, 2]  target y : token(3)[S: 4]\nx >> lstm(3) >> bidir >> softmax(y)",
  },
  {
    name: "along an axis by name",
    source:
      "input x : f32[H: 3, T, 2]  target y : f32[T, 3]\nx >> elman(3, along = H) >> last(along = H) >> regress(y)",
  },
  {
    name: "two sequences",
    source: `input a : f32[S, 2]  input b : f32[T, 3]  target y : f32[T, 2]
      let context = a >> gru(3) >> last
      concat(b, context) >> elman(3) >> regress(y)`,
  },
  {
    name: "numbers and vectors an example",
    source: `input speed : f32  input x : f32[T, 2]  target y : f32[2]
      let z = (x >> elman(2) >> mean) * speed
      z >> regress(y)`,
  },
];

describe.each(programs)("$name", ({ source }) => {
  test("values and gradients", async () => {
    const made = program(source);
    const call: Call = {
      data: drawData(made, { T: [4, 1, 3], S: [2, 5, 1] }, 9),
      parameters: drawParameters(made, 9),
    };
    const [reference, module] = [evaluator(made), await moduleOf(made)];
    const lesson = reference.learn(call);
    expectGradients(lesson.gradients, differences(made, "train", call), 1e-6, 1e-3);
    const own = module.learn(call);
    expectClose([own.loss], [lesson.loss], 1e-5, 1e-3, "loss");
    expectGradients(own.gradients, lesson.gradients, 1e-5, 1e-3);
    const { outputs } = reference.predict(call);
    const predicted = module.predict(call).outputs;
    expect(outputs.size).toBeGreaterThan(0);
    for (const [name, examples] of outputs)
      examples.forEach((x, b) => expectClose(predicted.get(name)![b]!, x, 1e-5, 1e-2, `${name} ${b}`));
  });
});

/** The element at each place tells the place. */
const places = {
  x: [
    [
      [0, 1],
      [10, 11],
      [20, 21],
      [30, 31],
    ],
    [
      [100, 101],
      [110, 111],
      [120, 121],
      [130, 131],
    ],
  ],
};

test.each([
  ["x", [0, 1, 10, 11, 20, 21, 30, 31, 100, 101, 110, 111, 120, 121, 130, 131]],
  ["x[1]", [100, 101, 110, 111, 120, 121, 130, 131]],
  ["x[0, 2]", [20, 21]],
  ["x >> last(along = T)", [30, 31, 130, 131]],
  ["x >> last(along = H)", [100, 101, 110, 111, 120, 121, 130, 131]],
  ["x >> elman(2, act = identity)", [0, 1, 10, 11, 20, 21, 30, 31, 100, 101, 110, 111, 120, 121, 130, 131]],
  ["x >> dense(2)", [0, 1, 10, 11, 20, 21, 30, 31, 100, 101, 110, 111, 120, 121, 130, 131]],
])("values keep the order in which axes were declared: %s", async (value, expected) => {
  const made = program(`input x : f32[H: 2, T, 2]  output y = ${value}`);
  const identity = new Map(
    made.model.parameters.map((p): [string, number[]] => [
      p.name,
      p.name.endsWith("Wx") ? [1, 0, 0, 1] : p.name.endsWith("b") ? [0, 0] : [0, 0, 0, 0],
    ]),
  );
  const call: Call = { data: { x: [places.x] }, parameters: identity };
  for (const runner of [evaluator(made), await moduleOf(made)])
    expect(runner.predict(call).outputs.get("y"), runner.name).toEqual([expected]);
});
