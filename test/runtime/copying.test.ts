/** `softmax(reply, copy = source)`: words that the vocabulary lacks are told apart by their places, and copied. */
import { describe, expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { load } from "../../src/runtime/index.ts";
import { dataSpecs, makeBatch } from "../../src/runtime/batch.ts";
import { random } from "../../src/ir/random.ts";
import { evaluator } from "../language/evaluator.ts";
import { expectClose } from "../language/compare.ts";
import { drawParameters, program } from "../language/program.ts";
import { add, product, tanh, weights, type Vector } from "../examples/reference.ts";
import { compileModel } from "./models.ts";

const source = `input source : token[S]
target reply : token(source)[L]
let memory = source >> embed(16) >> gru(16) >> bidir
prev(reply) >> embed(16) >> gru(32, init = memory, feed = attention(general, over = memory))
  >> softmax(reply, copy = source, over = memory, places = 8)
train { optimizer adam(1e-2)  clip norm 5 }
decode { greedy }`;

const entries = ["<unk>", "<eos>", "my", "name", "is", "call", "me", "hello"];
const vocabularies = { source: entries };
const nameOf = (k: number): string =>
  Array.from({ length: 5 }, (_, i) =>
    String.fromCharCode(97 + Math.floor(26 * random("uniform", k, 3, 0, i))),
  ).join("");
const asked = (k: number): string[] =>
  k % 2 === 0 ? ["my", "name", "is", nameOf(k)] : ["call", "me", nameOf(k)];

describe("copying", () => {
  test("ids beyond the vocabulary are places in the source", async () => {
    const { metadata } = await compileModel(source, { vocabularies });
    const data = {
      source: [["my", "Zoe", "is", "Ann", "Zoe"]],
      reply: [["Ann", "Zoe", "Bob", "my"]],
    };
    const { columns } = makeBatch(dataSpecs(metadata), data, { targets: true });
    const ids = (name: string): number[] => [...columns.get(name)![0]!.data];
    expect(ids("source")).toEqual([2, 0, 4, 0, 0]);
    expect(ids("source.copy")).toEqual([2, 9, 4, 11, 9]);
    expect(ids("reply")).toEqual([0, 0, 0, 2, 1]);
    // Bob stands nowhere in the source.
    expect(ids("reply.copy")).toEqual([11, 9, 0, 2, 1]);
  });

  test("computes its equations", () => {
    const made = program(
      `input source : token(5)[S]
      target reply : token(source)[L]
      param M[5, 3] = normal(1)
      let memory = M[source]
      prev(reply) >> embed(4) >> softmax(reply, copy = source, over = memory, places = 3)`,
    );
    const parameters = drawParameters(made, 4);
    const w = weights(parameters);
    const row = (name: string, k: number, width: number): Vector => w(name).slice(k * width, (k + 1) * width);
    const words = [1, 7, 2, 7];
    const replies = [7, 2, 3];
    // What lies beyond the vocabulary is read as entry 0.
    const plain = (ids: readonly number[]): number[] => ids.map((id) => (id < 5 ? id : 0));
    const memory = plain(words).map((id) => row("M", id, 3));
    const expected = [5, ...plain(replies).slice(0, -1)].flatMap((before) => {
      const h = row("embed.E", before, 4);
      const g = add(product(w("softmax.W"), h), w("softmax.b")).map(Math.exp);
      const c = memory.map((m) => {
        const u = tanh(product(w("softmax.c.Wover"), m));
        return Math.exp(u.reduce((sum, x, k) => sum + x * h[k]!, 0));
      });
      const total = [...g, ...c].reduce((a, b) => a + b);
      return Array.from({ length: 8 }, (_, k) => {
        const copied = c.reduce((sum, x, s) => sum + (words[s] === k ? x : 0), 0);
        return ((g[k] ?? 0) + copied) / total;
      });
    });
    const data = {
      source: [plain(words)],
      "source.copy": [words],
      reply: [plain(replies)],
      "reply.copy": [replies],
    };
    const { outputs } = evaluator(made).predict({ data, parameters });
    expectClose(outputs.get("reply")![0]!, expected, 1e-12, 0.1);
  });

  test("its gradients are right", async () => {
    const rows = await checkGradients(source, "copying.rnn", { elements: 2 });
    for (const { parameter, differences, module } of rows!) {
      expect(differences, parameter).toBeLessThan(gradientLimits.differences);
      expect(module, parameter).toBeLessThan(gradientLimits.module);
    }
  });

  test("learns to say names that it has never seen", async () => {
    const model = await load(await compileModel(source, { vocabularies }));
    const trainer = model.trainer({ seed: 1 });
    for (let step = 0; step < 150; step++) {
      const names = Array.from({ length: 16 }, (_, k) => 16 * step + k);
      trainer.step({ source: names.map(asked), reply: names.map((k) => ["hello", nameOf(k)]) });
    }
    const fresh = [100_001, 100_002, 100_003, 100_004];
    const answers = model.predict({ source: fresh.map(asked) })["reply"] as readonly {
      labels: () => unknown;
    }[];
    expect(answers.map((answer) => answer.labels())).toEqual(fresh.map((k) => ["hello", nameOf(k)]));
  });
});
