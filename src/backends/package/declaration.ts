/**
 * `NAME.d.ts`: the model's own inputs and outputs as exact types with their shapes, and only the methods it has: no
 * `stream` where it looks ahead, no `trainer` without a loss. It stands alone: no type of rnnc is imported.
 */
import { answerType, dataTypes, elementDoc, outputType, shapedOutput, stepType } from "./data-types.ts";
import { answeringPredict, answers, generation, hypotheses } from "./choice-types.ts";
import { common, modelAndLoad, printable, streaming, training } from "./declaration-texts.ts";
import type { DataInfo, Metadata, OutputInfo } from "../../runtime/metadata.ts";

export interface DeclarationOptions {
  readonly hasWeights: boolean;
  /** Whether it is a package for tfjs: what has to come back from a device is a promise. */
  readonly onDevice: boolean;
}

export function declaration(metadata: Metadata, { hasWeights, onDevice }: DeclarationOptions): string {
  const { name, version, data, entries } = metadata;
  const inputs = data.filter((d) => d.role === "input" && !d.derived);
  const targets = data.filter((d) => d.role === "target" && !d.derived);
  const outputs = metadata.outputs.map((o) => shapedOutput(o, metadata));
  const answered = metadata.generation?.step === "next" ? metadata.generation : null;
  const has = {
    streams: entries.step !== null && metadata.looksAhead === null,
    trains: entries.evaluate !== null,
    targets: targets.length > 0,
    chunked: metadata.chunked,
    isUnbounded: metadata.unbounded.length > 0,
    nets: (metadata.alternating ?? []).map(({ net }) => net ?? ""),
    generates: metadata.generation?.step === "step",
    searches: outputs.some((o) => o.spelling !== null),
    hasWeights,
    threads: metadata.threads ?? false,
    onDevice,
    answering:
      answered &&
      answeringPredict(
        inputs.some((d) => d.name === answered.data),
        onDevice,
      ),
  };
  const one = (d: DataInfo): Field => ({ ...documented(d), type: dataTypes(d, metadata).one });
  const many = (d: DataInfo): Field => ({ ...documented(d), type: dataTypes(d, metadata).many });
  const given = outputs.filter((o) => o.predict !== null);
  const result = (o: OutputInfo): Field => ({ ...documented(o), type: outputType(o, metadata) });
  const answer = (o: OutputInfo): Field =>
    o.name === answered?.output
      ? {
          name: o.name,
          doc: `The model's own choice of \`${answered.data}\`.`,
          type: answerType(o, metadata),
        }
      : result(o);
  const several = (field: Field): Field => ({ ...field, type: `readonly (${field.type})[]` });
  const parts = [
    `/** \`${printable(name)}\`, compiled by rnnc ${version}. */`,
    ...(onDevice ? [`import type * as tfjs from "@tensorflow/tfjs-core";`] : []),
    fields("Inputs", "One example of each input.", inputs.map(one)),
    fields("BatchInputs", "A list of examples of each input; their lengths may differ.", inputs.map(many)),
  ];
  if (has.targets)
    parts.push(
      fields("Targets", "One example of each target.", targets.map(one)),
      fields("BatchTargets", "A list of examples of each target.", targets.map(many)),
    );
  parts.push(
    fields("Outputs", "What the model gives for one example.", given.map(answer)),
    fields("BatchOutputs", "What the model gives for a list of examples.", given.map(answer).map(several)),
    common(has.targets, onDevice),
  );
  if (answered)
    parts.push(
      fields("ForcedOutputs", "What it gives where it does not choose.", given.map(result)),
      fields("ForcedBatchOutputs", "The same for a list of examples.", given.map(result).map(several)),
      answers(answered.attended !== null),
    );
  if (has.streams) parts.push(...steps(inputs, outputs, metadata, onDevice));
  if (has.trains) parts.push(training(has));
  if (has.generates) parts.push(generation);
  if (has.searches) parts.push(hypotheses);
  return [...parts, modelAndLoad(has)].join("\n\n") + "\n";
}

function steps(
  inputs: readonly DataInfo[],
  outputs: readonly OutputInfo[],
  metadata: Metadata,
  onDevice: boolean,
): string[] {
  const given = outputs.filter((o) => o.step !== null).map(withoutSequences);
  const taken = inputs.map((d) => ({ ...documented(withoutSequences(d)), type: stepType(d, metadata) }));
  const views = given.map((o): Field => ({
    ...documented(o),
    type: o.meaning === "labels" ? "Int32Array" : "Float32Array",
  }));
  const options = taken.map((f): Field => ({ ...f, type: orList(f.type), optional: true }));
  return [
    fields("StepInputs", "One step of each input; those left out keep their last value.", options),
    fields(
      "StepOutputs",
      onDevice
        ? "What one step gives."
        : "What one step gives; the next call of the model overwrites the arrays.",
      views,
    ),
    streaming(taken.length === 1 ? `${orList(taken[0]!.type)} | StepInputs` : "StepInputs", onDevice),
  ];
}

/** Of one sequence, or of each of several side by side. */
const orList = (type: string): string => `${type} | readonly (${type})[]`;

const withoutSequences = <Info extends DataInfo | OutputInfo>(info: Info): Info => ({
  ...info,
  axes: info.axes.filter((axis) => axis.size !== null),
});

/** As the source names it where TypeScript allows that. */
const propertyName = (name: string): string =>
  /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(name);

interface Field {
  readonly doc: string;
  readonly name: string;
  readonly type: string;
  readonly optional?: boolean;
}

const documented = (info: DataInfo | OutputInfo): Pick<Field, "doc" | "name"> => ({
  doc: elementDoc(info),
  name: info.name,
});

function fields(name: string, doc: string, list: readonly Field[]): string {
  const lines = list.flatMap((f) => [
    `  /** ${f.doc} */`,
    `  readonly ${propertyName(f.name)}${f.optional ? "?" : ""}: ${f.type};`,
  ]);
  return [`/** ${doc} */`, `export interface ${name} {`, ...lines, "}"].join("\n");
}
