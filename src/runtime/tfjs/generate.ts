/** Texts that a language model on a device makes up, one step after another, drawn or most probable first. */
import type { DataSpecs } from "../batch.ts";
import { decodingOf } from "../decode-options.ts";
import { encodeExample } from "../encode.ts";
import { fail } from "../errors.ts";
import type { GenerateOptions } from "../generate.ts";
import type { GenerationInfo } from "../metadata.ts";
import { choose } from "../sample.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { DeviceStream } from "./model.ts";

export async function* generateOn(
  of: DataSpecs,
  openStream: () => DeviceStream,
  options: GenerateOptions,
): AsyncGenerator<string | number, void> {
  const { metadata } = of;
  const info = metadata.generation ?? fail(metadata.cannotGenerate?.why ?? "the model generates nothing");
  if (info.step !== "step") fail(answersElsewhere(info));
  const vocabulary = of.specs.get(info.data)!.vocabulary;
  const given = options.length === undefined ? options : { ...options, max: options.length };
  const decoding = decodingOf(metadata.decode, given, { step: info.step, end: -1 }, vocabulary);
  const { strategy, stop, max } = decoding;
  if (strategy !== "greedy" && strategy !== "sample")
    fail(`\`${strategy}\` is a search of the WASM target; on a device a text is drawn, or greedy`);
  const stream = openStream();
  let probabilities: ArrayLike<number> = [];
  for (const id of promptIds(of, info, options.prompt, vocabulary))
    probabilities = (await stream.step(id))[info.output]!;
  const most = typeof max === "number" ? max : fail("a text that goes on has no input whose length counts");
  for (let position = 0; position < most; position++) {
    const id = choose(probabilities, decoding, position);
    if (id === stop) return;
    yield vocabulary?.entries[id] ?? id;
    if (position + 1 < most) probabilities = (await stream.step(id))[info.output]!;
  }
}

export const answersElsewhere = ({ data }: GenerationInfo): string =>
  `\`${data}\` is left to the model's own choices, whose search is of the WASM target: give \`${data}\` here, or build for WASM`;

function promptIds(
  of: DataSpecs,
  { data }: GenerationInfo,
  prompt: GenerateOptions["prompt"],
  vocabulary: Vocabulary | null,
): readonly number[] {
  const list = typeof prompt === "number" ? [prompt] : (prompt ?? []);
  const ids = [...encodeExample(of.specs.get(data)!, list, "prompt").data];
  if (ids.length > 0) return ids;
  return vocabulary && vocabulary.end >= 0
    ? [vocabulary.end]
    : fail("a prompt is wanted, for the vocabulary has no `<eos>` to start from");
}
