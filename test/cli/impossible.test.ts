/** Examples whose target no path spells: training goes on without them and says so, or ends there if it is asked to. */
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { folderWith, rnnc } from "./cli.ts";

const program = `input x : f32[T, 2]
target y : token[L]
x >> lstm(4) >> ctc(y)
train { optimizer adam(1e-2)  batch 2  epochs 2 }
`;
const line = (steps: number, y: readonly string[]): string =>
  JSON.stringify({ x: Array.from({ length: steps }, (_, t) => [t % 2, 1]), y });
const good = [line(4, ["a", "b"]), line(5, ["b"]), line(3, ["a"]), line(6, ["b", "b"])];
// Two equal labels need a blank between them: three steps.
const bad = line(2, ["a", "a"]);

const train = (data: readonly string[], ...more: readonly string[]) => {
  const cwd = folderWith({ "s.rnn": program, "d.jsonl": `${data.join("\n")}\n` });
  return { cwd, ran: rnnc(["train", "s.rnn", "--data", "d.jsonl", ...more], { cwd }) };
};

test("are left out of the loss, counted, and named once", async () => {
  const { cwd, ran } = train([...good.slice(0, 2), bad, ...good.slice(2)]);
  const { code, err } = await ran;
  expect(code).toBe(0);
  expect(err.match(/note: 1 example of training data \(d\.jsonl:3\) left out of the loss/gu)).toHaveLength(1);
  const log = readFileSync(join(cwd, "s", "log.jsonl"), "utf8")
    .trim()
    .split("\n");
  const steps = log.map((entry) => JSON.parse(entry) as { loss: unknown; impossible?: number });
  expect(steps.reduce((sum, { impossible = 0 }) => sum + impossible, 0)).toBe(2);

  const measured = await rnnc(["eval", "s", "--data", "d.jsonl", "--json"], { cwd });
  const { examples, loss, impossible } = JSON.parse(measured.out) as Record<string, number>;
  expect([examples, impossible]).toEqual([5, 1]);
  expect(Number.isFinite(loss)).toBe(true);
});

test("--strict ends at one, with its place", async () => {
  const { code, err } = await train([...good, bad], "--strict").ran;
  expect(code).toBe(1);
  expect(err).toContain("error: d.jsonl:5: No path through its steps spells its target.");
});

test("nothing else in the data is an error", async () => {
  const { code, err } = await train([bad, bad, bad]).ran;
  expect(code).toBe(1);
  expect(err).toContain("There is nothing to learn from");
});

test("without them nothing is said", async () => {
  const { err } = await train(good).ran;
  expect(err).not.toContain("note");
});
