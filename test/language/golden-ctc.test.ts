/** Published values and gradients of connectionist temporal classification, where the folder of them is at hand. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { emitted, type Item, type Rows, runners } from "./emissions.ts";

interface GoldenItem {
  readonly input: Rows;
  readonly input_length?: number;
  readonly labels: readonly number[];
  readonly blank: number;
  readonly loss?: number;
  readonly grad_wrt_logits?: Rows;
}

/** Of a published property, worked out where the cases were gathered. */
interface Derived {
  readonly derived_items?: readonly GoldenItem[];
}

interface GoldenCase {
  readonly id: string;
  readonly input_kind: "logits" | "probabilities" | "log_probabilities";
  readonly items: readonly GoldenItem[];
  readonly tol: number;
  readonly mean_loss?: number;
  /** By step, example, class: of the mean of the losses, each over the number of its labels. */
  readonly grad_of_mean?: readonly Rows[];
}

const file = new URL("../../../shared/golden/ctc_loss.json", import.meta.url);
const present = existsSync(file);
const all = present ? (JSON.parse(readFileSync(file, "utf8")) as { cases: readonly unknown[] }).cases : [];
const valued = (all as readonly (Partial<GoldenCase> & Derived)[]).flatMap((c): readonly GoldenCase[] => {
  const items = c.items ?? c.derived_items;
  return items ? [{ id: c.id!, input_kind: "logits", tol: 1e-6, ...c, items }] : [];
});

test.skipIf(!present)("there are published cases", () => {
  expect(valued.length).toBe(11);
  expect(valued.flatMap(({ items }) => items.filter((i) => i.grad_wrt_logits)).length).toBe(6);
});

/** Ours has the blank after the labels. */
function itemOf({ input, input_length, labels, blank }: GoldenItem, kind: GoldenCase["input_kind"]): Item {
  const emissions = input
    .slice(0, input_length)
    .map((row) => blankLast(kind === "probabilities" ? row.map(Math.log) : row, blank));
  return { emissions, labels: labels.map((label) => (label > blank ? label - 1 : label)) };
}

const blankLast = (row: readonly number[], blank: number): readonly number[] => [
  ...row.filter((_, k) => k !== blank),
  row[blank]!,
];

describe.skipIf(!present).each(valued)("$id", ({ items, input_kind, tol, ...published }) => {
  const own = items.map((item) => itemOf(item, input_kind));
  const ctc = (some: readonly Item[]) =>
    emitted(some, "ctc(y, project = none)", `token(${own[0]!.emissions[0]!.length - 1})[L]`);

  test("each alone", async () => {
    for (const [k, item] of own.entries()) {
      const { made, call, gradients } = ctc([item]);
      const { loss, grad_wrt_logits, blank } = items[k]!;
      for (const runner of await runners(made)) {
        const lesson = runner.learn(call);
        if (loss !== undefined) expectNear([[lesson.loss]], [[loss]], boundOf(runner.name, tol, loss));
        if (grad_wrt_logits)
          expectNear(
            gradients(lesson.gradients)[0]!,
            grad_wrt_logits.map((row) => blankLast(row, blank)),
            boundOf(runner.name, tol),
          );
      }
    }
  });

  test("together, in one batch of different lengths", async () => {
    const { made, call, gradients } = ctc(own);
    const { mean_loss, grad_of_mean } = published;
    for (const runner of await runners(made)) {
      const lesson = runner.learn(call);
      const losses = items.map(({ loss }) => loss ?? NaN);
      const mean = losses.reduce((a, b) => a + b) / losses.length;
      if (!Number.isNaN(mean)) expectNear([[lesson.loss]], [[mean]], boundOf(runner.name, tol, mean));
      const found = gradients(lesson.gradients);
      items.forEach(({ grad_wrt_logits, blank }, b) => {
        if (!grad_wrt_logits) return;
        const wanted = grad_wrt_logits.map((row) => blankLast(row, blank).map((x) => x / items.length));
        expectNear(found[b]!, wanted, boundOf(runner.name, tol));
      });
      if (grad_of_mean) {
        const weighted = found.map((rows, b) =>
          rows.map((row) => row.map((x) => x / items[b]!.labels.length)),
        );
        weighted.forEach((rows, b) =>
          expectNear(
            rows,
            grad_of_mean.map((step) => blankLast(step[b]!, items[b]!.blank)),
            boundOf(runner.name, tol),
          ),
        );
      }
      expect(padding(lesson.gradients.get("E")!, found[0]![0]!.length)).toEqual([]);
    }
    if (mean_loss === undefined) return;
    const alone = await Promise.all(
      own.map(async (item) => {
        const { made: one, call: given } = ctc([item]);
        return (await runners(one)).map((runner) => runner.learn(given).loss / item.labels.length);
      }),
    );
    for (const k of [0, 1])
      expectNear([[alone.reduce((sum, losses) => sum + losses[k]!, 0) / own.length]], [[mean_loss]], tol);
  });
});

/** What is published has few digits; in float32 a loss of 28 over 100 steps has 5 of its own. */
const boundOf = (runner: string, tol: number, size = 1): number =>
  runner === "module" ? Math.max(tol, 4e-6 * Math.max(1, Math.abs(size))) : tol;

/** What flows to the row that padding looks up. */
const padding = (table: readonly number[], classes: number): readonly number[] =>
  table.slice(0, classes).filter((x) => x !== 0);

function expectNear(actual: Rows, expected: Rows, bound: number): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((row, t) => {
    expect(row.length).toBe(expected[t]!.length);
    row.forEach((x, k) =>
      expect(Math.abs(x - expected[t]![k]!), `[${t}, ${k}]: ${x}, not ${expected[t]![k]}`).toBeLessThan(
        bound,
      ),
    );
  });
}
