/** Published partition functions, likelihoods, gradients and best paths of linear chains, where the folder of them is at hand. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { expectClose } from "./compare.ts";
import { emitted, type Item, type Rows, runners } from "./emissions.ts";
import { crfPredicting } from "./library-losses.ts";

interface GoldenItem {
  readonly emissions: Rows;
  readonly tags?: readonly number[];
  readonly log_partition?: number;
  readonly log_likelihood?: number;
  readonly viterbi_tags?: readonly number[];
  readonly marginals?: Rows;
  readonly grad_of_nll?: {
    readonly emissions: Rows;
    readonly transitions: Rows;
    readonly start: readonly number[];
    readonly end: readonly number[];
  };
  /** Labels allowed at each step. */
  readonly tag_bitmap?: Rows;
  readonly log_sum_score_of_allowed?: number;
}

interface GoldenCase {
  readonly id: string;
  readonly transitions: Rows;
  readonly start?: readonly number[] | null;
  readonly end?: readonly number[] | null;
  readonly items: readonly GoldenItem[];
  readonly allowed_transitions?: readonly (readonly [number, number])[];
  readonly total_log_likelihood?: number;
}

const file = new URL("../../../shared/golden/crf.json", import.meta.url);
const present = existsSync(file);
const all = present ? (JSON.parse(readFileSync(file, "utf8")) as { cases: readonly unknown[] }).cases : [];
const valued = (all as readonly Partial<GoldenCase>[]).filter((c): c is GoldenCase => c.items !== undefined);

test.skipIf(!present)("there are published cases", () => {
  expect(valued.map(({ id }) => id)).toHaveLength(8);
});

describe.skipIf(!present).each(valued)("$id", (given) => {
  const labels = given.transitions.length;
  const allowed = (i: number, j: number): boolean =>
    given.allowed_transitions?.some(([from, to]) => from === i && to === j) ?? true;
  const A = given.transitions.map((row, i) => row.map((x, j) => (allowed(i, j) ? x : -Infinity)));
  const [b, z] = [given.start, given.end].map((x) => x ?? new Array<number>(labels).fill(0));
  const parameters = (name: string) =>
    new Map([
      [`${name}.A`, A.flat()],
      [`${name}.start`, b!],
      [`${name}.end`, z!],
    ]);
  const items = given.items.map(({ emissions, tag_bitmap, tags, viterbi_tags }): Item => ({
    emissions: emissions.map((row, t) => row.map((x, k) => (tag_bitmap?.[t]![k] === 0 ? -Infinity : x))),
    labels: tags ?? viterbi_tags ?? emissions.map(() => 0),
  }));
  const target = `token(${labels})[T]`;

  test("best paths", async () => {
    const wanted = given.items.map(({ viterbi_tags }) => viterbi_tags);
    const { made, call } = emitted(items, "crf(y, project = none)", target, parameters("crf"));
    for (const runner of await runners(made)) {
      const found = runner.predict(call).outputs.get("y")!;
      wanted.forEach((tags, k) => tags && expect(found[k]).toEqual(tags));
    }
  });

  test("partition functions and marginals", async () => {
    for (const [what, definition] of [
      ["logZ", crfPredicting("mine", "logZ")],
      ["marginals", crfPredicting("mine", "marginals(logZ, e)")],
    ] as const) {
      const { made, call } = emitted(
        items,
        "mine(y, project = none)",
        target,
        parameters("mine"),
        definition,
      );
      for (const runner of await runners(made)) {
        const found = runner.predict(call).outputs.get("y")!;
        const bound = runner.name === "module" ? 5e-6 : 1e-12;
        given.items.forEach(({ log_partition, log_sum_score_of_allowed, marginals }, k) => {
          const logZ = log_partition ?? log_sum_score_of_allowed;
          if (what === "logZ" && logZ !== undefined) expectClose(found[k]!, [logZ], Math.max(bound, 1e-10));
          if (what === "marginals" && marginals) expectClose(found[k]!, marginals.flat(), bound);
        });
      }
    }
  });

  test("likelihoods and their gradients", async () => {
    for (const [k, { log_likelihood, grad_of_nll }] of given.items.entries()) {
      const { made, call, gradients } = emitted(
        [items[k]!],
        "crf(y, project = none)",
        target,
        parameters("crf"),
      );
      for (const runner of await runners(made)) {
        const bound = runner.name === "module" ? 2e-6 : 1e-10;
        const lesson = runner.learn(call);
        if (log_likelihood !== undefined) expectClose([lesson.loss], [-log_likelihood], bound);
        if (!grad_of_nll) continue;
        expectClose(gradients(lesson.gradients)[0]!.flat(), grad_of_nll.emissions.flat(), bound);
        expectClose(lesson.gradients.get("crf.A")!, grad_of_nll.transitions.flat(), bound);
        expectClose(lesson.gradients.get("crf.start")!, grad_of_nll.start, bound);
        expectClose(lesson.gradients.get("crf.end")!, grad_of_nll.end, bound);
      }
    }
  });

  test("together, in one batch of different lengths", async () => {
    const { total_log_likelihood: total } = given;
    if (total === undefined) return;
    const { made, call } = emitted(items, "crf(y, project = none)", target, parameters("crf"));
    for (const runner of await runners(made))
      expectClose([runner.learn(call).loss * items.length], [-total], 1e-6);
  });
});
