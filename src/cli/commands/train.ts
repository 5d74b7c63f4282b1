/** `rnnc train`: from a program and data to a package with trained weights. */
import { type Command } from "commander";
import type { Format } from "../data/read.ts";
import { Failure } from "../failure.ts";
import {
  assignment,
  columnsOption,
  dataOption,
  dimOption,
  formatOption,
  shareOrPath,
  threadsOption,
  wholeNumber,
  withoutOption,
  type Assignments,
  type Sizes,
} from "../options.ts";
import { maxMemoryOption, recomputeOption, type MemoryOptions } from "../recompute.ts";
import type { Best } from "../training/run-folder.ts";
import { plural, tell } from "../output.ts";

export interface TrainOptions extends MemoryOptions {
  readonly data: string;
  readonly format?: Format;
  readonly columns?: readonly string[];
  readonly minCount?: number;
  readonly output?: string;
  readonly epochs?: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly validate?: number | string;
  readonly set?: Assignments;
  readonly dim?: Sizes;
  readonly without?: readonly string[];
  readonly threads?: number;
  readonly strict?: boolean;
  readonly resume?: boolean;
  readonly force?: boolean;
}

export function addTrain(program: Command): void {
  program
    .command("train")
    .summary("train a model on data")
    .description(
      "Trains a model and writes its package, checkpoints, a loss curve and a log into a folder. Ctrl-C saves; --resume goes on to the same bits.",
    )
    .argument("<FILE>", "the program")
    .addOption(dataOption())
    .addOption(formatOption())
    .addOption(columnsOption())
    .option("-o, --output <DIR>", "the folder to write into (default: the program's name)")
    .option("--epochs <N>", "how often the data are gone through", wholeNumber(1))
    .option("--steps <N>", "end after so many steps", wholeNumber(1))
    .option("--batch <N>", "examples, or parallel streams, of a step", wholeNumber(1))
    .option("--seed <N>", "of weights, order, dropout and the split for validation", wholeNumber(0))
    .option(
      "--validate <P>",
      "the share of the data kept for validation, or a path to other data",
      shareOrPath,
    )
    .option("--min-count <N>", "words seen fewer times become <unk>, which so is learned", wholeNumber(1))
    .option(
      "--set <KEY=VALUE>",
      "a setting of `train { … }`, such as clip='norm 5'; none takes it out",
      assignment,
    )
    .addOption(dimOption())
    .addOption(recomputeOption())
    .addOption(maxMemoryOption())
    .addOption(withoutOption())
    .addOption(threadsOption())
    .option("--strict", "end at an example that nothing can be learned from, its loss being inf")
    .option("--resume", "go on from the last checkpoint")
    .option("--force", "write into a folder that holds something else")
    .action(train);
}

async function train(path: string, options: TrainOptions): Promise<void> {
  const [{ checkPass }, { modelName, readSource }, { prepare }, { checkRunFolder, claimRunFolder }] =
    await Promise.all([
      import("../stages.ts"),
      import("../compile-file.ts"),
      import("../training/prepare.ts"),
      import("../training/run-folder.ts"),
    ]);
  for (const pass of options.without ?? []) checkPass(pass);
  const source = readSource(path);
  const name = modelName(source.file);
  const place = options.output ?? name;
  const claim = { resume: options.resume ?? false, force: options.force ?? false };
  checkRunFolder(place, name, claim);
  const prepared = await prepare(source, {
    data: { path: options.data, format: options.format ?? null, columns: options.columns ?? null },
    validation: typeof options.validate === "string" ? options.validate : null,
    minimum: options.minCount ?? 1,
    dims: options.dim ?? {},
    settings: settingsOf(options),
    without: options.without ?? [],
    threads: options.threads ?? 1,
    memory: { recompute: options.recompute, maxMemory: options.maxMemory },
  });
  const { metadata, wasm } = prepared.compiled;
  const { openRun } = await import("../training/run.ts");
  const folder = claimRunFolder(place, name, claim);
  const { strict = false, threads = 1 } = options;
  const run = await openRun({ ...prepared, metadata, wasm, folder, strict, threads });
  const { settings } = run.trainer;
  const counts = metadata.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1),
    0,
  );
  const amount = metadata.chunked
    ? plural(run.course.stepsPerEpoch, "chunk")
    : plural(prepared.train.length, "example");
  tell(
    `${metadata.name}: ${counts.toLocaleString("en")} parameters, ${amount} of training data` +
      `${prepared.validation.length > 0 ? "" : ", no validation"}, batch ${settings.batch}, ` +
      `${settings.optimiser.kind} at ${settings.optimiser.rate}`,
  );
  const { outcome, state } = await run.go();
  if (outcome === "interrupted")
    throw new Failure(
      `Stopped at step ${run.trainer.position().step}; the training is saved.`,
      "`--resume` goes on with it.",
      130,
    );
  const { removePackage, writePackage } = await import("../package-folder.ts");
  const best = prepared.validation.length > 0 && state.best !== null;
  await writePackage(folder.path, { metadata, wasm, weights: best ? folder.best() : run.trainer.weights() });
  for (const name of folder.replaces) if (name !== metadata.name) removePackage(folder.path, name);
  tell(
    `${outcome === "stopped early" ? "stopped early, for validation no longer improved; " : ""}` +
      `${best ? `kept step ${state.best.step} with ${bestShown(state.best)}; ` : ""}wrote ${folder.path}`,
  );
}

const bestShown = ({ loss, score }: Best): string =>
  score === null
    ? `validation loss ${loss.toFixed(4)}`
    : `validation ${score.name} ${score.shown} and loss ${loss.toFixed(4)}`;

/** Options of their own names for what is set most often. */
function settingsOf(options: TrainOptions): Assignments {
  const named = { epochs: options.epochs, steps: options.steps, batch: options.batch, seed: options.seed };
  const given = Object.entries(named).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)]],
  );
  const validate =
    options.validate === undefined
      ? {}
      : {
          validate:
            options.validate === 0 || typeof options.validate === "string"
              ? "none"
              : String(options.validate),
        };
  return { ...options.set, ...Object.fromEntries(given), ...validate };
}
