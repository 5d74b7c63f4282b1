/** `rnnc run`: predictions, a line of JSON for each record, as soon as the record is there. */
import { type Command } from "commander";
import type { Format } from "../data/read.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import type { PredictOptions } from "../../runtime/model.ts";
import { wrongRecord } from "../data/record.ts";
import { addChoices, predictionChoices, type ChoiceOptions } from "../decode-options.ts";
import { capital, Failure, misuse } from "../failure.ts";
import { columnsOption, dataOption, formatOption } from "../options.ts";
import { say, tell } from "../output.ts";
import { readPhraseTable } from "../phrase-table.ts";

interface RunOptions extends ChoiceOptions {
  readonly data: string;
  readonly format?: Format;
  readonly columns?: readonly string[];
  readonly weights?: string;
  readonly probabilities?: boolean;
  readonly best?: boolean;
  readonly replaceUnk?: boolean;
  readonly phraseTable?: string;
}

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .summary("predict: records in, a line of JSON out for each")
    .description(
      "Reads records with the model's inputs and prints each one's results as JSON: labels where there are, else numbers. Data are those that `train` and `eval` read, without targets; standard input is JSON Lines, and answered line by line.",
    )
    .argument("<DIR>", "the folder of a package, or its .json")
    .addOption(dataOption().makeOptionMandatory(false).default("-"))
    .addOption(formatOption())
    .addOption(columnsOption())
    .option("--weights <FILE>", "other weights than the package's own")
    .option("--probabilities", "all probabilities in place of the most probable label")
    .option("--best", "all answers of a beam, or all that were drawn, with their scores")
    .option("--replace-unk", "in place of <unk>, the word of the source that the attention is on")
    .option(
      "--phrase-table <FILE>",
      "the same, or what the file has for that word: word|||translation a line",
    );
  addChoices(command).action(predict);
}

async function predict(folder: string, options: RunOptions): Promise<void> {
  const [
    { openFolder },
    { predictOne },
    { fieldsOfModel },
    { streamRecords },
    { countUnknown },
    { jsonResult },
    { RnncError },
  ] = await Promise.all([
    import("../package-folder.ts"),
    import("../metrics/predict.ts"),
    import("../data/field.ts"),
    import("../data/stream-records.ts"),
    import("../data/unknown-words.ts"),
    import("../json-result.ts"),
    import("../../runtime/errors.ts"),
  ]);
  const model = await openFolder(folder, options.weights ?? null);
  if (model.metadata.entries.predict === null)
    throw new Failure(`\`${model.metadata.name}\` has no output to predict.`);
  const inputs = fieldsOfModel(model.metadata.data).filter(({ role }) => role === "input");
  if (options.probabilities) needProbabilities(model.metadata);
  const given = predictionChoices(options, model.metadata);
  const replaced = replacement(options, model.metadata);
  const unknown = countUnknown(model, inputs);
  const shown = { probabilities: options.probabilities ?? false, best: options.best ?? false };
  const source = { path: options.data, format: options.format ?? null, columns: options.columns ?? null };
  let number = 0;
  for await (const record of streamRecords(source, inputs)) {
    number++;
    unknown.add(record);
    try {
      // What is drawn without choices, such as noise, is another for each record.
      const choices = model.metadata.generation
        ? { ...given, ...replaced }
        : { ...given, seed: (options.seed ?? 0) + number - 1 };
      const results = Object.entries(predictOne(model, record, inputs, choices));
      const fields = results.map(([name, result]) => {
        const output = model.metadata.outputs.find((other) => other.name === name)!;
        return [name, jsonResult(result, output, shown, model.metadata)];
      });
      say(JSON.stringify(Object.fromEntries(fields)));
    } catch (error) {
      if (error instanceof RnncError) throw wrongRecord(record, `${capital(error.message)}.`);
      throw error;
    }
  }
  const note = unknown.note();
  if (note !== null) tell(note);
}

/** What stands for `<unk>`, if anything is to. */
function replacement(
  { replaceUnk, phraseTable }: RunOptions,
  { name, generation }: Metadata,
): Pick<PredictOptions, "replaceUnk"> {
  if (!replaceUnk && phraseTable === undefined) return {};
  if (!generation?.attended)
    throw misuse(
      `\`${name}\` has no attention over the words of an input, so there is no telling which of them an <unk> stands for.`,
      "Leave `--replace-unk` and `--phrase-table` out, or let the decoder attend: `attention(luong, over = memory)`.",
    );
  return { replaceUnk: phraseTable === undefined ? true : readPhraseTable(phraseTable) };
}

function needProbabilities({ name, outputs }: Metadata): void {
  if (outputs.some(({ meaning }) => meaning === "probabilities")) return;
  const shown = outputs.map((output) => `\`${output.name}\``).join(", ");
  throw misuse(
    `\`${name}\` gives no labels, and so no probabilities of them: ${shown} ${outputs.length === 1 ? "is" : "are"} shown in full anyway.`,
    "Leave `--probabilities` out.",
  );
}
