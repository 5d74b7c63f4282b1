/** A prediction as JSON: labels where there are some, else numbers, as short as they tell the 32-bit float apart. */
import type { Answer, Decoded } from "../runtime/generate.ts";
import type { Metadata, OutputInfo } from "../runtime/metadata.ts";
import type { Nested, Result } from "../runtime/results.ts";
import type { SpelledResult } from "../runtime/spellings.ts";

export interface JsonOptions {
  /** All probabilities, rather than the most probable label. */
  readonly probabilities: boolean;
  /** All answers, with their scores. */
  readonly best: boolean;
}

interface ScoredAnswer {
  readonly answer: Nested<number | string>;
  readonly score: number;
  /** The steps at which its labels begin. */
  readonly times?: readonly number[];
}

export function jsonResult(
  result: Result,
  output: OutputInfo,
  { probabilities, best }: JsonOptions,
  metadata: Metadata,
): Nested<number | string> | readonly ScoredAnswer[] {
  if (!isDecoded(result)) {
    const { meaning } = output;
    const text = meaning === "labels" && isSpelled(output, metadata);
    const said = (labels: Nested<number | string>) => (text ? (labels as string[]).join("") : labels);
    if (best && "hypotheses" in result)
      return (result as SpelledResult).hypotheses.map(({ labels, score, times }) => ({
        answer: said(labels),
        score: shortScore(score),
        times,
      }));
    if (text) return said(result.labels());
    if (meaning === "labels" || (meaning === "probabilities" && !probabilities)) return result.labels();
    return shorten(result.nested());
  }
  // An answer is written as the data that it is like; a tag for each word is a list, so is a sentence of a document.
  const { alone, within } = metadata.generation!;
  const isText = alone && within === null && metadata.vocabularies[output.vocabulary!.of] !== undefined;
  const shown = (answer: Answer): Nested<number | string> => (isText ? answer.text() : answer.labels());
  if (!best) return shown(result);
  return result.best.map((answer) => ({ answer: shown(answer), score: shortScore(answer.score) }));
}

const shortScore = (score: number): number => Number(score.toPrecision(6));

/** Characters that are not those of steps are a text. */
function isSpelled({ target, axes, vocabulary }: OutputInfo, { data, vocabularies }: Metadata): boolean {
  const info = data.find(({ name }) => name === target);
  const words = vocabulary !== null && vocabularies[vocabulary.of] !== undefined;
  return words && info?.base === "char" && info.axes.length === 1 && info.axes[0]!.name !== axes[0]?.name;
}

const isDecoded = (result: Result): result is Decoded => "best" in result;

const shorten = (value: Nested<number>): Nested<number> =>
  typeof value === "number" ? shortFloat(value) : value.map(shorten);

/** 0.1, not 0.10000000149011612. */
export function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
