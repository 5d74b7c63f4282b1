/**
 * Gradients by central differences of fourth order over the evaluator in float64: truncation of the order h⁴,
 * rounding of the order 10⁻¹⁶/h, both far below the bounds of the tests.
 */
import { evaluateNodes } from "../../src/ir/graph/eval.ts";
import { entry, environmentOf } from "./evaluator.ts";
import type { Call, Program, Values } from "./program.ts";

const h = 2e-4;

/** Of the loss of an entry, `train` or `evaluate`, for each element of each parameter. */
export function differences(program: Program, name: "train" | "evaluate", call: Call): Values {
  const graph = entry(program, name);
  const loss = graph.outputs.find((output) => output.role === "loss")!.value;
  const environment = environmentOf(program, graph, call);
  return new Map(
    [...environment.params].map(([parameter, tensor]) => {
      const at = (k: number, x: number): number => {
        const data = tensor.data.with(k, tensor.data[k]! + x);
        const params = new Map(environment.params).set(parameter, { ...tensor, data });
        return evaluateNodes([loss], { ...environment, params })[0]!.data[0]!;
      };
      const slopes = Array.from(tensor.data, (_, k) => {
        const near = at(k, h) - at(k, -h);
        const far = at(k, 2 * h) - at(k, -2 * h);
        return (8 * near - far) / (12 * h);
      });
      return [parameter, slopes];
    }),
  );
}
