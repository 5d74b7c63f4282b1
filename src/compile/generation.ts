/** What the package's runtime must know to let a model choose: the buffers of one step, and what it keeps between steps. */
import type { Model } from "../elaborate/program.ts";
import { generatorNames } from "../passes/part-generator.ts";
import type { BufferInfo, DataInfo, GenerationInfo, OutputInfo } from "../runtime/metadata.ts";
import { type Generator, placesOf } from "./generator.ts";

export interface GenerationInput {
  readonly data: Model["data"];
  readonly outputs: readonly OutputInfo[];
  readonly buffers: Readonly<Record<string, BufferInfo>>;
  readonly generator: Generator | null;
  readonly streams: boolean;
}

export function generationOf(input: GenerationInput): GenerationInfo | null {
  return input.generator ? fedBack(input, input.generator) : input.streams ? continued(input) : null;
}

/** A model that reads its own choices. */
function fedBack({ data, outputs, buffers }: GenerationInput, generator: Generator): GenerationInfo | null {
  if (!generator.next) return null;
  const named = (prefix: string): readonly string[] =>
    Object.keys(buffers).filter((name) => name.startsWith(prefix));
  return {
    step: "next",
    data: generator.data,
    output: outputs.find(({ target }) => target === generator.data)!.name,
    start: generator.start,
    axis: generator.axis,
    within: generator.within,
    alone: !data.some(
      ({ name, axes, derived }) => name !== generator.data && !derived && hasAxis(axes, generator.axis),
    ),
    choice: generatorNames.choice(generator.data),
    fresh: generatorNames.fresh,
    probabilities: generatorNames.output(generator.data),
    states: named(generatorNames.state("")),
    kept: named(generatorNames.kept("")),
    attended: generator.attended && {
      source: generator.attended.source,
      places: placesOf(generator.data),
    },
  };
}

const hasAxis = (axes: DataInfo["axes"], axis: string): boolean => axes.some(({ name }) => name === axis);

/** A model of one sequence that predicts what comes next in it. */
function continued({ data, outputs, buffers }: GenerationInput): GenerationInfo | null {
  const output = outputs.find((o) => o.meaning === "probabilities" && o.step !== null && o.vocabulary);
  const [input, ...others] = data.filter(({ role }) => role === "input");
  const axis = input?.axes.find(({ size }) => size === null);
  const same = input?.vocabulary && input.vocabulary.of === output?.vocabulary?.of;
  if (!output || !input || !axis || !same || others.length > 0) return null;
  const whole = `step.input:${input.name}`;
  return {
    step: "step",
    data: input.name,
    output: output.name,
    start: null,
    axis: axis.name,
    within: null,
    alone: true,
    choice: buffers[whole] ? whole : input.name,
    fresh: "fresh",
    probabilities: output.step!,
    states: Object.keys(buffers).filter((name) => name.startsWith("state:")),
    kept: [],
    attended: null,
  };
}
