/** The passes that a compilation can do without, by name: what `without` takes. */
import { kernelPassNames } from "../passes/kernel-pipeline.ts";
import { canBeLeftOut, graphPassNames } from "../passes/pipeline.ts";

export const optionalPasses = (): readonly string[] => [
  ...graphPassNames().filter(canBeLeftOut),
  ...kernelPassNames,
];
