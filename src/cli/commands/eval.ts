/** `rnnc eval`: how good a trained model is on data. */
import { type Command } from "commander";
import type { Format } from "../data/read.ts";
import { dataOption, formatOption, jsonOption, wholeNumber } from "../options.ts";
import { say, sayJson, table } from "../output.ts";

interface EvalOptions {
  readonly data: string;
  readonly format?: Format;
  readonly weights?: string;
  readonly batch?: number;
  readonly json?: boolean;
}

export function addEval(program: Command): void {
  program
    .command("eval")
    .summary("measure a trained model on data")
    .description(
      "Gives the loss, perplexity and bits for each character or word of language models, accuracy for labels, RMSE for numbers.",
    )
    .argument("<DIR>", "the folder of a package, or its .json")
    .addOption(dataOption())
    .addOption(formatOption())
    .option("--weights <FILE>", "other weights than the package's own")
    .option("--batch <N>", "examples, or streams side by side, at a time", wholeNumber(1))
    .addOption(jsonOption())
    .action(evaluate);
}

async function evaluate(folder: string, options: EvalOptions): Promise<void> {
  const { openFolder } = await import("../package-folder.ts");
  const { measure } = await import("../measure.ts");
  const model = await openFolder(folder, options.weights ?? null);
  const results = measure(model, options.data, options.format ?? null, options.batch ?? null);
  if (options.json) return sayJson(Object.fromEntries(results.map(({ key, value }) => [key, value])));
  say(table(results.map(({ name, shown }) => [name, shown])));
}
