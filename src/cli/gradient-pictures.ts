/** The pictures of `rnnc check`: the gradient's way back through time, and the loss over two weights. */
import type { StateFlow } from "../compile/gradient-flow.ts";
import type { MovedWeight } from "../compile/loss-surface.ts";
import type { StartingPoint, StartOptions } from "../compile/starting-point.ts";
import { modelName, readImport, type SourceFile } from "./compile-file.ts";
import { Failure, misuse } from "./failure.ts";
import { writeWhole } from "./files.ts";
import type { WeightRange } from "./options.ts";
import { colorsFor, table } from "./output.ts";

export type PictureOptions = Pick<StartOptions, "dims" | "length">;

/** A program with the flow of its states. */
export interface ProgramFlow {
  readonly file: string;
  readonly states: readonly StateFlow[];
}

export async function flowOf({ file, source }: SourceFile, options: PictureOptions): Promise<ProgramFlow> {
  const { gradientFlow } = await import("../compile/gradient-flow.ts");
  const states = await gradientFlow(source, file, { ...options, imports: readImport });
  if (states === null) throw noLoss(file);
  if (states.length === 0)
    throw new Failure(
      `\`${file}\` has no recurrence that its loss depends on, so no gradient flows through time.`,
      "Recurrent stages are `elman`, `lstm`, `gru` and cells of your own.",
    );
  const wrong = states.find(({ norms }) => !norms.every(Number.isFinite));
  if (wrong)
    throw new Failure(
      `The gradient of \`${wrong.state}\` in \`${file}\` is not finite within ${wrong.norms.length} steps.`,
      "`--length` takes fewer steps.",
    );
  if (states.every(({ norms }) => norms.every((norm) => norm === 0)))
    throw new Failure(
      `No gradient reaches a state of \`${file}\`: on made data its loss is the same whatever they are.`,
      "`--length` takes other sequences.",
    );
  return { file, states };
}

/** One picture of them all. */
export async function drawFlows(output: string, flows: readonly ProgramFlow[]): Promise<void> {
  const { drawFlow } = await import("./drawing/flow-curve.ts");
  const lines = flows.flatMap(({ file, states }, group) =>
    states.map(({ state, norms, reverse }) => ({
      name: `${flows.length > 1 ? `${modelName(file)}: ` : ""}${state}${reverse ? " (from the end)" : ""}`,
      group,
      norms,
    })),
  );
  writeWhole(output, drawFlow("The loss's gradient on its way back through time", lines));
}

/** For each state the first and the last norm, and the mean factor from a step to the one before. */
export function flowTable(states: readonly StateFlow[]): string {
  const colors = colorsFor(process.stdout);
  const shown = (norm: number): string => norm.toExponential(1);
  return table([
    ["state", "first step", "last step", "a step back"].map((title) => colors.dim(title)),
    ...states.map(({ state, norms, reverse }) => {
      const [first, last] = [norms[0]!, norms.at(-1)!];
      const [from, to] = reverse ? [first, last] : [last, first];
      const factor = (to / from) ** (1 / (norms.length - 1));
      return [
        state,
        shown(first),
        shown(last),
        Number.isFinite(factor) && norms.length > 1 ? `× ${factor.toPrecision(3)}` : "",
      ];
    }),
  ]);
}

export async function drawSurface(
  { file, source }: SourceFile,
  ranges: readonly [WeightRange, WeightRange],
  output: string,
  options: PictureOptions,
): Promise<void> {
  const { startingPoint } = await import("../compile/starting-point.ts");
  const { lossSurface } = await import("../compile/loss-surface.ts");
  const { drawLossMap } = await import("./drawing/loss-map.ts");
  const start = await startingPoint(source, file, { ...options, imports: readImport });
  if (start === null) throw noLoss(file);
  const [first, second] = ranges.map((range) => findWeight(range, start, file)) as [Found, Found];
  if (first.parameter === second.parameter && first.element === second.element)
    throw misuse(`\`--surface\` names the weight \`${first.name}\` twice.`);
  const surface = lossSurface(start, first, second);
  const isInside = ({ start: value, low, high }: Found): boolean => value >= low && value <= high;
  const map = drawLossMap({
    ...surface,
    title: `The loss of ${modelName(file)} over two weights`,
    names: { x: first.name, y: second.name },
    start: isInside(first) && isInside(second) ? [first.start, second.start] : null,
  });
  writeWhole(output, map);
}

const noLoss = (file: string): Failure =>
  new Failure(
    `\`${file}\` has no loss, so there are no gradients.`,
    "Give it an output layer, or `minimize`.",
  );

interface Found extends MovedWeight {
  readonly name: string;
  /** As training begins. */
  readonly start: number;
}

/** A weight by its parameter's name, or the end of it, and its place: `w`, `unit.w`, `elman.h.Wh[0,3]`. */
function findWeight(
  { name, index, range }: WeightRange,
  { machine, environment }: StartingPoint,
  file: string,
): Found {
  const names = machine.metadata.parameters.map((p) => p.name);
  const same = names.filter((other) => other === name);
  const found = same.length > 0 ? same : names.filter((other) => other.endsWith(`.${name}`));
  const [parameter] = found;
  if (parameter === undefined)
    throw new Failure(`\`${file}\` has no parameter \`${name}\`.`, `Its parameters are ${listed(names)}.`);
  if (found.length > 1)
    throw new Failure(`\`${name}\` is the end of several names: ${listed(found)}.`, "Write one of them out.");
  const { sizes, data } = environment.params.get(parameter)!;
  const place = index ?? (data.length === 1 ? sizes.map(() => 0) : []);
  if (place.length !== sizes.length || place.some((at, k) => at >= sizes[k]!))
    throw new Failure(
      `\`${parameter}\` is ${sizes.join(" × ")}, so ${index === null ? "its name alone" : `\`[${index.join(",")}]\``} is none of its weights.`,
      `They are \`${parameter}[${sizes.map(() => 0).join(",")}]\` to \`[${sizes.map((size) => size - 1).join(",")}]\`.`,
    );
  const element = place.reduce((flat, at, k) => flat * sizes[k]! + at, 0);
  const start = data[element]!;
  const [low, high] = range ?? [start - 1, start + 1];
  const shown = data.length === 1 ? parameter : `${parameter}[${place.join(",")}]`;
  return { parameter, element, low, high, name: shown, start };
}

function listed(names: readonly string[]): string {
  const some = names.slice(0, 12).map((name) => `\`${name}\``);
  return some.join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");
}
