/** `rnnc eval`: how good a trained model is on data. */
import { type Command } from "commander";
import type { Format } from "../data/read.ts";
import type { UnknownLabel } from "../data/labels.ts";
import type { SpanScore } from "../metrics/spans.ts";
import { addChoices, predictionChoices, type ChoiceOptions } from "../decode-options.ts";
import { columnsOption, dataOption, formatOption, jsonOption, wholeNumber } from "../options.ts";
import { plural, say, sayJson, table, tell } from "../output.ts";

interface EvalOptions extends ChoiceOptions {
  readonly data: string;
  readonly format?: Format;
  readonly columns?: readonly string[];
  readonly weights?: string;
  readonly batch?: number;
  readonly json?: boolean;
}

export function addEval(program: Command): void {
  const command = program
    .command("eval")
    .summary("measure a trained model on data")
    .description(
      "Gives the loss; perplexity and bits for each character or word of language models, accuracy for labels, error rates of characters, words or labels for what paths spell (CTC), F1 by the rules of CoNLL for tags of spans (BIO), RMSE for numbers.",
    )
    .argument("<DIR>", "the folder of a package, or its .json")
    .addOption(dataOption())
    .addOption(formatOption())
    .addOption(columnsOption())
    .option("--weights <FILE>", "other weights than the package's own")
    .option("--batch <N>", "examples, or streams side by side, at a time", wholeNumber(1))
    .addOption(jsonOption());
  addChoices(command).action(evaluate);
}

async function evaluate(folder: string, options: EvalOptions): Promise<void> {
  const { openFolder } = await import("../package-folder.ts");
  const { measure } = await import("../measure.ts");
  const model = await openFolder(folder, options.weights ?? null);
  const source = { path: options.data, format: options.format ?? null, columns: options.columns ?? null };
  const { measures, types, unknownLabels } = measure(
    model,
    source,
    options.batch ?? null,
    predictionChoices(options, model.metadata),
  );
  if (unknownLabels.length > 0) tell(unknownNote(unknownLabels));
  if (options.json)
    return sayJson({
      ...Object.fromEntries(measures.map(({ key, value }) => [key, value])),
      ...typesAsJson(types),
    });
  say(table(measures.map(({ name, shown }) => [name, shown])));
  for (const [target, scores] of types)
    say(`\n${typeTable(types.size > 1 ? `type of ${target}` : "type", scores)}`);
}

/** The first few, for a look at the data. */
function unknownNote(labels: readonly UnknownLabel[]): string {
  const shown = labels
    .slice(0, 5)
    .map(({ label, record }) => `\`${label}\` (${record.file}:${record.line})`)
    .join(", ");
  return (
    `note: ${plural(labels.length, "label")} of these data ${labels.length === 1 ? "is" : "are"} none of the model's: ` +
    `${shown}${labels.length > 5 ? " …" : ""}; they count as errors, and their examples are left out of the loss`
  );
}

type Types = ReadonlyMap<string, ReadonlyMap<string, SpanScore>>;

function typesAsJson(types: Types): Readonly<Record<string, unknown>> {
  const entries = [...types].map(([target, scores]) => [
    types.size > 1 ? `types_${target}` : "types",
    Object.fromEntries(scores),
  ]);
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>;
}

function typeTable(title: string, scores: ReadonlyMap<string, SpanScore>): string {
  const rows = [...scores].map(([type, { f1, precision, recall, wanted, found }]) => [
    type === "" ? "(none)" : type,
    ...[f1, precision, recall].map((value) => value.toFixed(4)),
    String(wanted),
    String(found),
  ]);
  return table([[title, "F1", "precision", "recall", "in the data", "predicted"], ...rows]);
}
