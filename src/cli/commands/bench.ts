/** `rnnc bench`: how long a program's model takes on this machine, to predict, step and train. */
import { type Command } from "commander";
import type { Metadata } from "../../runtime/metadata.ts";
import type { Timing } from "../bench/take-turns.ts";
import { Failure } from "../failure.ts";
import { lengthOption, lengthsOf } from "../lengths.ts";
import {
  assignment,
  dimOption,
  jsonOption,
  threadsOption,
  wholeNumber,
  withoutOption,
  type Assignments,
  type Sizes,
} from "../options.ts";
import { formatCount, plural, say, sayJson, table } from "../output.ts";

interface BenchOptions {
  readonly batch?: number;
  readonly length?: Sizes;
  readonly dim?: Sizes;
  readonly vocab?: Assignments;
  readonly without?: readonly string[];
  readonly threads?: number;
  readonly json?: boolean;
}

export function addBench(program: Command): void {
  program
    .command("bench")
    .summary("time a program's model on this machine")
    .description(
      "Times a program's model on this machine and random data: predictions, single steps, training steps.",
    )
    .argument("<FILE>", "the program, or -")
    .option(
      "--batch <N>",
      "examples of a prediction and of a training step (default: the program's)",
      wholeNumber(1),
    )
    .addOption(lengthOption())
    .addOption(dimOption())
    .option(
      "--vocab <NAME=N|FILE>",
      "how many entries a vocabulary has, or the file of its entries",
      assignment,
    )
    .addOption(withoutOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(bench);
}

async function bench(path: string, options: BenchOptions): Promise<void> {
  const { compileOrFail, readSource } = await import("../compile-file.ts");
  const { readVocabularies } = await import("../vocabulary-files.ts");
  const { checkPass } = await import("../stages.ts");
  for (const pass of options.without ?? []) checkPass(pass);
  const source = readSource(path);
  const { threads = 1 } = options;
  const given = Object.entries(options.vocab ?? {});
  const isCount = ([, value]: [string, string]): boolean => /^\d+$/u.test(value);
  const files = Object.fromEntries(given.filter((entry) => !isCount(entry)));
  const madeUp = Object.fromEntries(
    given.filter(isCount).map(([name, n]) => [name, numbered(wholeNumber(1)(n))]),
  );
  const { metadata, wasm } = await compileOrFail(source, {
    dims: options.dim ?? {},
    vocabularies: { ...readVocabularies(files), ...madeUp },
    without: options.without ?? [],
    threads: threads > 1,
    assume: true,
  });
  const sizes = sizesOf(source.file, metadata, options);
  const [{ load }, { measuresOf }, { randomWeights }, { takeTurns }, { RnncError }] = await Promise.all([
    import("../../runtime/load.ts"),
    import("../bench/measures.ts"),
    import("../bench/random-data.ts"),
    import("../bench/take-turns.ts"),
    import("../../runtime/errors.ts"),
  ]);
  try {
    const weights = randomWeights(metadata);
    const model = await load({ metadata, wasm: new Uint8Array(wasm), weights, threads });
    const measures = measuresOf(model, { batch: sizes.batch, lengths: (axis) => sizes.lengths[axis]! });
    const timings = takeTurns(measures.map(({ run }) => run));
    const results = measures.map(({ name, about, examples }, k) => ({
      name,
      about,
      examples,
      ...timings[k]!,
    }));
    if (options.json) return sayJson({ file: source.file, node: process.versions.node, ...sizes, results });
    show(source.file, sizes, results);
    for (const name of assumed(metadata))
      say(`\n  |${name}| is assumed: \`--vocab ${name}=N\` says how many entries it has.`);
    if (metadata.looksAhead !== null) say(`\n  no single steps: ${metadata.looksAhead}`);
  } catch (error) {
    if (error instanceof RnncError) throw new Failure(`\`${source.file}\`: ${error.message}.`);
    throw error;
  }
}

/** Entries of a vocabulary of that size: only how many there are matters. */
const numbered = (size: number): readonly string[] => Array.from({ length: size }, (_, k) => String(k));

/** Vocabularies that only the data could tell, by the size that was taken instead. */
function assumed({ data, vocabularies }: Metadata): string[] {
  const open = data.flatMap(({ vocabulary }) => (vocabulary && !vocabulary.fixed ? [vocabulary.of] : []));
  return [...new Set(open)].filter((name) => vocabularies[name] === undefined);
}

interface BenchSizes {
  readonly batch: number;
  readonly lengths: Sizes;
  /** By the name of the data that they are of. */
  readonly vocabularies: Sizes;
  readonly parameters: number;
}

function sizesOf(file: string, metadata: Metadata, { batch, length }: BenchOptions): BenchSizes {
  return {
    batch: batch ?? metadata.train.batch,
    lengths: lengthsOf(file, metadata, length),
    vocabularies: Object.fromEntries(
      metadata.data.flatMap(({ vocabulary }) =>
        vocabulary ? [[vocabulary.of, vocabulary.size] as const] : [],
      ),
    ),
    parameters: metadata.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
  };
}

function show(
  file: string,
  sizes: BenchSizes,
  results: readonly (Timing & { about: string; examples: number })[],
): void {
  const list = [
    plural(sizes.parameters, "parameter"),
    `batch ${sizes.batch}`,
    ...Object.entries(sizes.lengths).map(([axis, length]) => `${axis} = ${length}`),
    ...Object.entries(sizes.vocabularies).map(([name, size]) => `|${name}| = ${size}`),
  ];
  say(`${file}: ${list.join(", ")}\n`);
  const head = ["", "median", "least–most", "examples/s"];
  const rows = results.map(({ about, examples, median, least, most }) => [
    about,
    formatTime(median),
    `${formatTime(least)} – ${formatTime(most)}`,
    formatCount((1000 * examples) / median),
  ]);
  say(table([head, ...rows]));
}

/** Milliseconds as three digits that count: `6.48 µs`, `29.5 ms`, `1.20 s`. */
function formatTime(milliseconds: number): string {
  const [value, unit] =
    milliseconds < 1
      ? [milliseconds * 1000, "µs"]
      : milliseconds < 1000
        ? [milliseconds, "ms"]
        : [milliseconds / 1000, "s"];
  return `${value.toPrecision(3)} ${unit}`;
}
