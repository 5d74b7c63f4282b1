/** Options of choices, of models that have none to make: the command is wrong, not a line of the data. */
import { beforeAll, expect, test } from "vitest";
import { classifier, folderWith, isFault, language, reviews, rnnc, verse } from "./cli.ts";

const speller = `input x : f32[T, 2]
target text : char[L]
x >> gru(4) >> ctc(text)
decode { beam(2) }
`;
const spelled = '{"x":[[1,0],[0,1],[1,1]],"text":"ab"}\n{"x":[[0,1],[1,0],[1,1]],"text":"ba"}\n';

const cwd = folderWith({
  "c.rnn": classifier,
  "r.jsonl": reviews,
  "lm.rnn": language,
  "verse.txt": verse,
  "s.rnn": speller,
  "s.jsonl": spelled,
});

beforeAll(async () => {
  for (const [program, data] of [
    ["c.rnn", "r.jsonl"],
    ["lm.rnn", "verse.txt"],
    ["s.rnn", "s.jsonl"],
  ] as const)
    expect(await rnnc(["train", program, "--data", data, "--steps", "1"], { cwd })).toMatchObject({
      code: 0,
    });
}, 120_000);

const none = "makes no choices that it reads again, so";
const texts = "makes choices only where it makes up a text, so";

test.each([
  ["run c --greedy", `\`c\` ${none} \`--greedy\` has no use.`, "`prev(…)` under an output layer"],
  ["run c --length-penalty 1", `\`c\` ${none} \`--length-penalty\` has no use.`, "`ctc`"],
  ["eval c --data r.jsonl --beam 3", `\`c\` ${none} \`--beam\` has no use.`, "`crf`"],
  ["eval lm --data verse.txt --top-k 3", `\`lm\` ${texts} \`--top-k\` has no use here.`, "`rnnc sample`"],
  ["run s --viterbi", `\`s\` ${none} \`--viterbi\` has no use.`, "`--beam N` searches among these"],
])("%s", async (command, message, hint) => {
  const ran = await rnnc(command.split(" "), { cwd, input: '{"words":"good"}\n' });
  expect([ran.code, ran.out]).toEqual([2, ""]);
  expect(ran.err).toContain(message);
  expect(ran.err).toContain(hint);
  expect(ran.err).not.toMatch(/stdin|jsonl:|txt:/u);
  expect(isFault(ran)).toBe(false);
});

test.each(["run s --beam 3", "eval s --data s.jsonl --beam 3", "run c --seed 3"])(
  "%s is taken",
  async (command) => {
    const input = command.includes(" s ") ? '{"x":[[1,0],[0,1]]}\n' : '{"words":"good"}\n';
    expect(await rnnc(command.split(" "), { cwd, input })).toMatchObject({ code: 0, err: "" });
  },
);
