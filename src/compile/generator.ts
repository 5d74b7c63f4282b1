/** Which of a model's predictions feed themselves back, and the two graphs that run it on its own choices. */
import type { Graph } from "../ir/graph/types.ts";
import type { Model } from "../elaborate/program.ts";
import { attendedPlaces } from "../passes/attended-places.ts";
import { feedbackNodes, partGenerator, type Feedback } from "../passes/part-generator.ts";

export interface Generator {
  readonly data: string;
  readonly start: number;
  readonly axis: string;
  /** The axis at whose places the sequence is made, if it is not one for an example. */
  readonly within: string | null;
  /** What is computed once, null where nothing is; and one step. */
  readonly begin: Graph | null;
  readonly next: Graph | null;
  /** `predict` with the place of the source that each step looks at most, and that source; null where there is none. */
  readonly attended: { readonly source: string; readonly predict: Graph } | null;
  /** Why there is no step, in the language's words. */
  readonly refusal: string | null;
}

/** The output of those places. */
export const placesOf = (data: string): string => `predict:${data}.places`;

export function generatorOf(model: Model, predict: Graph): Generator | null {
  const [feedback, other] = feedbacksIn(model, predict);
  if (!feedback) return null;
  const { data, start, axis } = feedback;
  const { axes } = model.data.find(({ name }) => name === data)!;
  const within = axes.length > 1 ? axes[0]!.name : null;
  const made = { data, start, axis: axis.name, within };
  const refused = (why: string): Generator => {
    const refusal = `\`${data}\` can't be generated: ${why}.`;
    return { ...made, begin: null, next: null, attended: null, refusal };
  };
  if (feedback.fault) return refused(feedback.fault);
  if (other)
    return refused(`the model reads its choices of \`${other.data}\` too, and one can be made at a time`);
  if (axes.length > 2 || axes.at(-1)!.name !== axis.name || axes.some(({ size }) => size !== null))
    return refused("it runs along more axes than a sequence of sequences");
  const parted = partGenerator(predict, feedback);
  if ("refusal" in parted) return refused(parted.refusal);
  const attended = within === null ? attendedIn(model, predict, feedback) : null;
  return { ...made, begin: parted.begin, next: parted.next, attended, refusal: null };
}

/** A reply and its source, both of words that are not all known, may have unknown words in common. */
function attendedIn({ data, results }: Model, predict: Graph, feedback: Feedback): Generator["attended"] {
  const isOpen = ({ base, vocabulary, axes }: Model["data"][number]): boolean =>
    base === "token" && vocabulary !== null && !vocabulary.fixed && axes.length === 1;
  const copies = results.some((result) => result.copies !== undefined);
  if (copies || !isOpen(data.find(({ name }) => name === feedback.data)!)) return null;
  for (const { name, role, ...info } of data) {
    if (role !== "input" || name === feedback.data || !isOpen({ name, role, ...info })) continue;
    const looking = attendedPlaces(predict, feedback, name, placesOf(feedback.data));
    if (looking) return { source: name, predict: looking };
  }
  return null;
}

interface Found extends Feedback {
  /** Why it can't be chosen entry by entry; null: it can. */
  readonly fault: string | null;
}

function feedbacksIn(model: Model, predict: Graph): readonly Found[] {
  return model.results.flatMap(({ name, target, meaning }) => {
    const info = model.data.find((data) => data.name === target);
    if (!info?.vocabulary) return [];
    const start = info.vocabulary.size;
    const [node] = feedbackNodes(predict, info.name, start);
    if (!node) return [];
    const { axis } = node.attributes;
    const given = model.data.some(
      ({ role, axes }) => role === "input" && axes.some((other) => other.name === axis.name),
    );
    const fault = meaning !== "probabilities" ? "its output layer chooses all of it together" : null;
    return [{ data: info.name, output: `predict:${name}`, start, axis, given, fault }];
  });
}
