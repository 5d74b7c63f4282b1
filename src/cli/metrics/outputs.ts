/** What the outputs of a model are worth, measured against the targets that they predict. */
import type { Model } from "../../runtime/load.ts";
import type { DataInfo, OutputInfo } from "../../runtime/metadata.ts";
import type { Field } from "../data/field.ts";
import { scoreLabels, type LabelScores } from "./labels.ts";
import { labelsOf, predictAll, type Case } from "./predict.ts";
import { dataSpecs } from "../../runtime/batch.ts";
import { endOf } from "../../runtime/choice-data.ts";
import type { DecodeOptions } from "../../runtime/decode-options.ts";
import type { Example } from "../../runtime/encode.ts";

export interface OutputScores {
  readonly target: string;
  /** Null where the target is numbers. */
  readonly labels: LabelScores | null;
  /** Root of the mean squared error; null where the target is labels. */
  readonly rmse: number | null;
}

/** The outputs that predict a target of their own. */
export const measuredOutputs = ({
  metadata,
}: Pick<Model, "metadata">): readonly { readonly output: OutputInfo; readonly info: DataInfo }[] =>
  metadata.outputs.flatMap((output) => {
    const info = metadata.data.find(({ name }) => name === output.target);
    if (info === undefined || output.predict === null) return [];
    return info.base === "f32" || output.meaning !== "value" ? [{ output, info }] : [];
  });

/** `entries`: labels by the name of their vocabulary, which may go beyond the model's own. */
export function scoreOutputs(
  model: Model,
  cases: readonly Case[],
  fields: readonly Field[],
  entries: Readonly<Record<string, readonly string[]>>,
  size: number,
  options: DecodeOptions = {},
): readonly OutputScores[] {
  const outputs = measuredOutputs(model);
  if (outputs.length === 0) return [];
  const results = predictAll(model, cases, fields, size, options);
  const { generation } = model.metadata;
  return outputs.map(({ output, info }) => {
    const answered = generation?.step === "next" && generation.output === output.name;
    const end = answered ? endOf(dataSpecs(model.metadata), generation) : -1;
    const pairs = results.map((result, k) => ({
      result: result[output.name]!,
      wanted: withoutEnds(cases[k]!.example.columns.get(info.name)!, end),
    }));
    const labels =
      info.base === "f32"
        ? null
        : scoreLabels(
            pairs.map(({ result, wanted }) => ({
              found: answered ? [...result.data].filter((id) => id >= 0) : labelsOf(result, output),
              wanted,
            })),
            {
              entries: entries[info.vocabulary?.of ?? ""] ?? null,
              sequences: info.axes.length > 0,
              aligned: info.axes.every(({ name }, k) => output.axes[k]?.name === name),
              characters: info.base === "char",
              answered: answered && generation.alone,
            },
          );
    const rmse =
      labels === null ? rootOfMean(pairs.map(({ result, wanted }) => [result.data, wanted])) : null;
    return { target: info.name, labels, rmse };
  });
}

/** What a model makes has its ends for the training alone; each row of a document has one. */
function withoutEnds({ data, shape, inner }: Example, end: number): ArrayLike<number> {
  if (end < 0) return data;
  const width = shape.at(-1)!;
  const lengths = inner.get(1) ?? new Int32Array(shape.length > 1 ? shape[0]! : 1).fill(width);
  return Array.from(lengths).flatMap((length, row) => {
    const ids = [...data.subarray(row * width, row * width + length)];
    return ids.at(-1) === end ? ids.slice(0, -1) : ids;
  });
}

function rootOfMean(pairs: readonly (readonly [ArrayLike<number>, ArrayLike<number>])[]): number | null {
  let [sum, count] = [0, 0];
  for (const [found, wanted] of pairs) {
    if (found.length !== wanted.length) continue;
    for (let k = 0; k < wanted.length; k++) sum += (found[k]! - wanted[k]!) ** 2;
    count += wanted.length;
  }
  return count === 0 ? null : Math.sqrt(sum / count);
}
