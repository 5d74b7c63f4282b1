/** The library's attention: each of its options has right gradients, in a decoder and as its input. */
import { describe, expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";

const options = [
  "luong, over = m",
  "luong, general, over = m",
  "luong, concat, over = m, window = monotonic(1)",
  "luong, location, max = 3, over = m",
  "luong, general, over = m, window = predictive(2)",
  "bahdanau, over = m",
  "bahdanau, over = m, window = monotonic(1)",
];

const stages = [
  ...options.flatMap((list) => [`gru(5) >> attention(${list})`, `gru(5, feed = attention(${list}))`]),
  "gru(5) >> attention",
  "gru(5) >> attention(general, window = predictive(2))",
  "last >> dense(5) >> hops(2, over = m, time = 4)",
];

describe.each(stages)("%s", (stage) => {
  test("has right gradients", async () => {
    const target = stage.startsWith("last") ? "token(4)" : "token(4)[T]";
    const source = `input x : f32[T, 3]
      input z : f32[S, 3]
      target y : ${target}
      let m = z >> elman(5)
      x >> ${stage} >> softmax(y)
      minimize 0.1 * sum(m >> last)`;
    const rows = await checkGradients(source, "attention.rnn", { elements: 1 });
    for (const { parameter, differences, module } of rows!) {
      expect(differences, parameter).toBeLessThan(gradientLimits.differences);
      expect(module, parameter).toBeLessThan(gradientLimits.module);
    }
  });
});
