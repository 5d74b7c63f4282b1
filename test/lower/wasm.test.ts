/**
 * Lowered programs as modules: a training step, run twice so that the second finds the memory as the first left it,
 * with and without shared slots, gives what the interpreter gives, to the digits of f32.
 */
import { expect, test } from "vitest";
import * as g from "../../src/ir/graph/build.ts";
import type { Node } from "../../src/ir/graph/types.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";
import { lower } from "../../src/passes/lower.ts";
import { graphPasses, runPasses } from "../../src/passes/pipeline.ts";
import { instantiate } from "../wasm/run.ts";
import { environmentOf, runLowered, type Runner } from "./harness.ts";
import * as m from "./models.ts";

const { T, n, v, d } = m;
const given = { batch: 3, lengths: { T: [4, 2, 5] }, classes: 7 };
const lossOf = (h: Node): Node => m.crossEntropy(m.affine(h, "out", n, v), m.targets(), T);

const models: Readonly<Record<string, () => Node>> = {
  elman: () => lossOf(m.elman(m.sequence(), T).h),
  lstm: () => lossOf(m.lstm(m.sequence(), T, { peephole: true }).h),
  gru: () => lossOf(m.gru(m.sequence(), T).h),
  "embedding, lstm": () => lossOf(m.lstm(g.gather(m.weight("E", v, d), m.targets(), v), T).h),
  "last state": () => {
    const { last } = m.lstm(m.sequence(), T);
    return g.reduce("sum", g.mul(last, last), last.type.axes);
  },
};

test.each(Object.keys(models))("a training step of %s", (name) => {
  const graph = runPasses(m.graphOf(["loss", models[name]!(), "loss"]), graphPasses("training"));
  const lowered = lower("test", [{ name: "run", graph }]);
  const env = environmentOf(graph, given);
  const wanted = runLowered(lowered, lowered.program, "run", env, given);
  for (const without of [new Set<string>(), new Set(["plan-memory"])]) {
    const program = compileKernels(lowered.program, { without });
    const found = runLowered(lowered, program, "run", env, given, (p, sizes): Runner => {
      const instance = instantiate(p, sizes);
      const run = (): void => {
        instance.run();
        instance.run();
      };
      return { run, read: instance.read, write: instance.write };
    });
    for (const [output, values] of wanted) {
      const scale = values.reduce((top, x) => Math.max(top, Math.abs(x)), 1e-3);
      found.get(output)!.forEach((x, k) => {
        expect(Math.abs(x - values[k]!) / scale, `${output}[${k}]: ${x}, not ${values[k]}`).toBeLessThan(
          1e-5,
        );
      });
    }
  }
});
