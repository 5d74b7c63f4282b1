/** Programs put together at random: the module computes what the evaluator does, and the gradients are those. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { wellTyped } from "../elaborate/arbitrary.ts";

const programs = 40;

test("evaluator and module agree on every one", async () => {
  await fc.assert(
    fc.asyncProperty(wellTyped, async (source) => {
      // Against differences too, but for programs with a draw or a kink in them that is what other tests are for.
      const rows = await checkGradients(source, "generated.rnn", { elements: 0 });
      expect(rows).not.toBeNull();
      for (const { parameter, module } of rows!)
        expect(module, parameter).toBeLessThan(gradientLimits.module);
    }),
    { numRuns: programs },
  );
}, 120_000);
