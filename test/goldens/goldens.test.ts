/**
 * What stages print: `NAME.STAGE.txt` beside `NAME.rnn` is what `rnnc build NAME.rnn --emit STAGE` prints. The file name is
 * the test. `UPDATE=1 npx vitest run test/goldens` writes them anew: read the difference before committing it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const goldens = readdirSync(folder).filter((file) => file.endsWith(".txt"));

test.each(goldens)("%s", async (file) => {
  const [name, stage] = file.split(".") as [string, string];
  const source = readFileSync(`${folder}/${name}.rnn`, "utf8");
  const { stages, diagnostics } = await compile(source, `${name}.rnn`, { emit: [stage] });
  expect(diagnostics).toEqual([]);
  const printed = `${stages.get(stage)?.trimEnd()}\n`;
  if (process.env["UPDATE"]) writeFileSync(`${folder}/${file}`, printed);
  expect(printed).toBe(readFileSync(`${folder}/${file}`, "utf8"));
});
