/** Trainings whose loss is not finite: whether the data, the program or the learning rate is to blame, and at which step. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, isFault, rnnc } from "./cli.ts";

const regression = `input x : f32[T, 2]
target y : f32
x >> gru(4) >> last >> regress(y)
train { optimizer adam(1e-2)  batch 4  epochs 2 }
`;
const logarithm = `input x : f32[T, 2]
target y : f32
output p = x >> gru(4) >> last >> dense(1)
minimize y + sum(log(0 * p))
train { batch 4  epochs 2 }
`;
const lines = (valueAt: (k: number) => { readonly x: number; readonly y: number }): string =>
  Array.from({ length: 40 }, (_, k) => {
    const { x, y } = valueAt(k);
    return JSON.stringify({
      x: [
        [k / 40, 1],
        [x, 0],
      ],
      y,
    });
  }).join("\n") + "\n";

const cwd = folderWith({
  "r.rnn": regression,
  "l.rnn": logarithm,
  "all.jsonl": lines(() => ({ x: 1, y: -1e30 })),
  "one.jsonl": lines((k) => ({ x: 1, y: k === 7 ? 1e30 : k / 40 })),
  "good.jsonl": lines((k) => ({ x: 1, y: k / 40 })),
});

test.each([
  [
    "r.rnn --data all.jsonl",
    "error: The loss is not a finite number at the first step; `y`, the model's target, goes up to -1e+30 (all.jsonl:1).",
    "That is usually the scale of the data",
  ],
  [
    "r.rnn --data one.jsonl",
    /error: The loss is not a finite number at step \d+; `y`, the model's target, goes up to 1e\+30 \(one\.jsonl:8\)\./u,
    "That is usually the scale of the data",
  ],
  [
    "l.rnn --data good.jsonl",
    "error: The loss is not a finite number at the first step.",
    "a logarithm of 0",
  ],
  [
    "r.rnn --data good.jsonl --set optimizer=sgd(1e30)",
    /error: The training has diverged: the (?:loss|gradient) is not a finite number at step [2-9]\./u,
    "Lower the learning rate",
  ],
])("%s", async (command, message, hint) => {
  const ran = await rnnc(["train", ...command.split(" "), "--force"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toMatch(message);
  expect(ran.err).toContain(hint);
  expect(isFault(ran)).toBe(false);
  // The log is on the disk up to the step that is named.
  const name = command.startsWith("r") ? "r" : "l";
  const steps = readFileSync(join(cwd, name, "log.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  const named = Number(/at step (\d+)/u.exec(ran.err)?.[1] ?? 1);
  expect(JSON.parse(steps[named - 1]!)).toMatchObject({ step: named });
  expect(steps[named - 1]).toMatch(/Infinity|NaN|"skipped":true/u);
});
