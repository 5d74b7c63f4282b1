/** `rnnc graph`: the model as a drawing. */
import { InvalidArgumentError, type Command } from "commander";
import { Failure } from "../failure.ts";
import { dimOption, svgFile, wholeNumber, type Sizes } from "../options.ts";
import { tell } from "../output.ts";

interface GraphOptions {
  readonly output?: string;
  readonly unrolled?: number;
  readonly bptt?: boolean;
  readonly dim?: Sizes;
}

export function addGraph(program: Command): void {
  program
    .command("graph")
    .summary("draw the model")
    .description(
      "Draws the model: a box for each stage, shapes on the arrows, recurrences as loops or, unrolled, step beside step.",
    )
    .argument("<FILE>", "the program, or -")
    .option("-o, --output <FILE.svg>", "the file to write, or - (default: the program's name)", output)
    .option("--unrolled <N>", "draw N steps of each sequence side by side", steps)
    .option("--bptt", "draw the way of the gradients beside it")
    .addOption(dimOption())
    .action(graph);
}

const output = (text: string): string => (text === "-" ? text : svgFile(text));

/** More would not be told apart. */
const mostSteps = 24;

function steps(text: string): number {
  const count = wholeNumber(2)(text);
  if (count > mostSteps) throw new InvalidArgumentError(`At most ${mostSteps} steps are drawn.`);
  return count;
}

async function graph(path: string, options: GraphOptions): Promise<void> {
  const { modelName, readSource } = await import("../compile-file.ts");
  const { outlineModel } = await import("../drawing/model.ts");
  const { planOf } = await import("../drawing/plan.ts");
  const { drawPlan } = await import("../drawing/draw-plan.ts");
  const { gradientOf, withGradients } = await import("../drawing/mirror.ts");
  const { unroll } = await import("../drawing/unroll.ts");
  const { writeWhole } = await import("../files.ts");
  const source = readSource(path);
  const outline = outlineModel(source, options.dim ?? {});
  let plan = planOf(outline, options.bptt ? (box) => [gradientOf(box)] : undefined);
  if (options.unrolled !== undefined)
    plan =
      unroll(plan, options.unrolled) ??
      nothing(`In \`${source.file}\` nothing recurs that could be unrolled.`);
  if (options.bptt)
    plan =
      withGradients(plan) ??
      nothing(`\`${source.file}\` has no loss that anything learned leads to, so no gradient flows.`);
  const file = options.output ?? `${modelName(source.file)}.svg`;
  writeWhole(file, drawPlan(plan, modelName(source.file)));
  if (file !== "-") tell(`wrote ${file}`);
}

function nothing(message: string): never {
  throw new Failure(message);
}
