/** `rnnc graph`: the model as a drawing. */
import { type Command } from "commander";
import { dimOption, type Sizes } from "../options.ts";
import { tell } from "../output.ts";

export function addGraph(program: Command): void {
  program
    .command("graph")
    .summary("draw the model")
    .description("Draws the model, folded: a box for each stage, shapes on the arrows, recurrences as loops.")
    .argument("<FILE>", "the program, or -")
    .option("-o, --output <FILE.svg>", "the file to write, or - (default: the program's name)")
    .addOption(dimOption())
    .action(graph);
}

async function graph(path: string, options: { output?: string; dim?: Sizes }): Promise<void> {
  const { modelName, readSource } = await import("../compile-file.ts");
  const { drawModel } = await import("../drawing/model.ts");
  const { writeWhole } = await import("../files.ts");
  const source = readSource(path);
  const output = options.output ?? `${modelName(source.file)}.svg`;
  writeWhole(output, drawModel(source, modelName(source.file), options.dim ?? {}));
  if (output !== "-") tell(`wrote ${output}`);
}
