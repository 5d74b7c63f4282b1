/** What must hold of the gradients of a program: differences agree in the evaluator, the module agrees with it. */
import { describe, expect, test } from "vitest";
import { differentiate } from "../../src/passes/differentiate.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import type { ProgramCase } from "./cases.ts";
import { expectClose, expectGradients } from "./compare.ts";
import { differences } from "./differences.ts";
import { entry, environmentOf, evaluator, gradientsOf } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program, type Program } from "./program.ts";

/** Below this a gradient's own size no longer counts. */
const floor = 1e-3;

const callOf = (made: Program, { lengths }: ProgramCase): Call => ({
  data: drawData(made, lengths, 3),
  parameters: drawParameters(made, 5),
  seed: 11,
  step: 4,
});

export function checkCases(cases: readonly ProgramCase[], inEvaluation = false): void {
  describe.each(cases)("$name", (given) => {
    const made = program(given.source);
    const call = callOf(made, given);

    test("gradients agree with differences", () => {
      const { gradients } = evaluator(made).learn(call);
      const slopes = differences(made, "train", call);
      expectGradients(gradients, slopes, 1e-6, floor);
      for (const [name, slope] of slopes)
        expectClose(gradients.get(name)!, slope, 1e-6, floor, `the gradient of ${name}`);
      // A gradient that is zero altogether would prove nothing.
      for (const [name, slope] of slopes)
        expect(
          slope.some((x) => Math.abs(x) > 1e-6),
          name,
        ).toBe(!given.idle?.includes(name));
    });

    if (inEvaluation)
      test("in evaluation too", () => {
        const graph = differentiate.run(entry(made, "evaluate"));
        const gradients = gradientsOf(made, evaluate(graph, environmentOf(made, graph, call)));
        expectGradients(gradients, differences(made, "evaluate", call), 1e-6, floor);
      });

    test("the module agrees with the evaluator", async () => {
      const [wanted, found] = [evaluator(made), await moduleOf(made)];
      const [lesson, own] = [wanted.learn(call), found.learn(call)];
      expectClose([own.loss], [lesson.loss], 1e-5, 1e-3, "the loss");
      expectGradients(own.gradients, lesson.gradients, 1e-5, floor);
      expectClose([found.evaluate(call)], [wanted.evaluate(call)], 1e-5, 1e-3, "the loss of evaluation");
      if (made.model.results.length === 0) return;
      const { outputs } = wanted.predict(call);
      const predicted = found.predict(call).outputs;
      expect([...predicted.keys()]).toEqual([...outputs.keys()]);
      for (const [name, examples] of outputs)
        examples.forEach((x, b) => expectClose(predicted.get(name)![b]!, x, 1e-5, 1e-2, `${name} ${b}`));
    });
  });
}
