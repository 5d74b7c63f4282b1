/** `rnnc sample`: text that a language model makes up, printed as it comes. */
import { type Command } from "commander";
import { Failure } from "../failure.ts";
import { addDrawing, addSearches, choicesOf, type ChoiceOptions } from "../decode-options.ts";
import { seedOption, wholeNumber } from "../options.ts";

interface SampleOptions extends ChoiceOptions {
  readonly prompt?: string;
  readonly length: number;
  readonly weights?: string;
}

export function addSample(program: Command): void {
  const command = program
    .command("sample")
    .summary("generate text with a language model")
    .description(
      "Prints what a model of the next character or word makes up, after a prompt if one is given.",
    )
    .argument("<DIR>", "the folder of a package, or its .json")
    .option("--prompt <TEXT>", "what it goes on from")
    .option("--length <N>", "at most so many characters or words", wholeNumber(1), 500);
  addDrawing(addSearches(command))
    .addOption(seedOption())
    .option("--weights <FILE>", "other weights than the package's own")
    .action(sample);
}

async function sample(folder: string, options: SampleOptions): Promise<void> {
  const [{ openFolder }, { RnncError }, { splitCharacters, endEntry }] = await Promise.all([
    import("../package-folder.ts"),
    import("../../runtime/errors.ts"),
    import("../../runtime/vocabulary.ts"),
  ]);
  const model = await openFolder(folder, options.weights ?? null);
  const input = model.metadata.data.find(({ role }) => role === "input");
  const characters = input?.base === "char";
  const vocabulary = model.vocabularies.get(input?.vocabulary?.of ?? "");
  const prompt = options.prompt === "" ? undefined : options.prompt;
  if (characters && prompt !== undefined) {
    const unknown = splitCharacters(prompt).find((letter) => vocabulary?.has(letter) === false);
    if (unknown !== undefined)
      throw new Failure(
        `The prompt has ${JSON.stringify(unknown)}, which was not in the text that the model learned.`,
      );
  }
  const { length } = options;
  const write = (text: string): void => void process.stdout.write(text);
  try {
    const entries = model.generate({ ...choicesOf(options), prompt, length });
    let lineStart = prompt === undefined;
    let first = true;
    for (const entry of entries) {
      // Only now is it known that the model can generate at all.
      if (first && prompt !== undefined) write(prompt);
      first = false;
      if (entry === endEntry) write("\n");
      else write(characters || lineStart ? String(entry) : ` ${entry}`);
      lineStart = entry === endEntry;
    }
    write("\n");
  } catch (error) {
    if (error instanceof RnncError) throw new Failure(`\`${model.metadata.name}\`: ${error.message}.`);
    throw error;
  }
}
