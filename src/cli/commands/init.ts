/** `rnnc init`: a folder to start from: a model, a text to train it on, and the next commands. */
import { basename, join, resolve } from "node:path";
import { type Command } from "commander";
import { Failure } from "../failure.ts";
import { kindOf, makeFolder, writeWhole } from "../files.ts";
import { say } from "../output.ts";

export function addInit(program: Command): void {
  program
    .command("init")
    .summary("start a project")
    .description("Writes a small language model, a text to train it on, and a README with the next commands.")
    .argument("[DIR]", "the folder; it is made where there is none", ".")
    .action(init);
}

async function init(folder: string): Promise<void> {
  const { starterFiles } = await import("../starter.ts");
  const files = starterFiles(basename(resolve(folder)));
  if (kindOf(folder) === "file") throw new Failure(`\`${folder}\` is a file, not a folder.`);
  const standing = Object.keys(files).filter((name) => kindOf(join(folder, name)) !== null);
  if (standing.length > 0)
    throw new Failure(
      `\`${folder}\` has ${standing.map((name) => `\`${name}\``).join(", ")} already; nothing was written.`,
      "Name another folder.",
    );
  makeFolder(folder);
  for (const [name, text] of Object.entries(files)) writeWhole(join(folder, name), text);
  const enter = folder === "." ? "" : `cd ${folder} && `;
  say(
    `wrote ${Object.keys(files)
      .map((name) => join(folder, name))
      .join(", ")}`,
  );
  say(`next: ${enter}rnnc train poet.rnn --data sonnets.txt`);
}
