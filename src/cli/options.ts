/**
 * The values of options, read and checked while the command line is parsed, so that a mistake in one is a mistake
 * of usage: exit 2, with the option named.
 */
import { availableParallelism } from "node:os";
import { InvalidArgumentError, Option } from "commander";
import { plural } from "./output.ts";

export type Assignments = Readonly<Record<string, string>>;
export type Sizes = Readonly<Record<string, number>>;

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/u.test(text) || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`A whole number of at least ${least} is due.`);
    return value;
  };
}

export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Infinity
          ? `A number of at least ${least} is due.`
          : `A number from ${least} to ${most} is due.`,
      );
    return value;
  };
}

/** A share of the data, or a path to other data. */
export function shareOrPath(text: string): number | string {
  return /^[-+]?[\d.]+(?:e[-+]?\d+)?$/iu.test(text) ? numberBetween(0, 0.9)(text) : text;
}

/** `NAME=VALUE`, as often as wanted. */
export function assignment(text: string, previous: Assignments = {}): Assignments {
  const [, name, value] = /^([^=\s]+)=(.+)$/su.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("It is written NAME=VALUE, without spaces.");
  return { ...previous, [name]: value };
}

const sizeAssignment = (text: string, previous: Sizes = {}): Sizes => {
  const [name, value] = Object.entries(assignment(text))[0]!;
  return { ...previous, [name]: wholeNumber(1)(value) };
};

const list = (text: string, previous: readonly string[] = []): readonly string[] => [...previous, text];

export const dimOption = (): Option =>
  new Option("--dim <NAME=N>", "a size that only the data can tell, such as d of f32[T, d]").argParser<Sizes>(
    sizeAssignment,
  );

export const vocabOption = (): Option =>
  new Option(
    "--vocab <NAME=FILE>",
    "a vocabulary: one entry a line, a JSON list, or a package's NAME.json",
  ).argParser(assignment);

export const withoutOption = (): Option =>
  new Option("--without <PASS>", "leave out a pass of the compiler").argParser<readonly string[]>(list);

export const threadsOption = (): Option =>
  new Option("--threads <N>", "threads to run on; the results do not depend on it (default: 1)").argParser(
    threadCount,
  );

/** A slip such as 1000 would start as many workers, and bring the machine to a stand. */
function threadCount(text: string): number {
  const processors = availableParallelism();
  const most = Math.max(64, 4 * processors);
  const count = wholeNumber(1)(text);
  if (count > most)
    throw new InvalidArgumentError(
      `At most ${most} threads are started; this machine has ${plural(processors, "processor")}.`,
    );
  return count;
}

export function dataOption(): Option {
  let given: string | null = null;
  return new Option("--data <PATH>", "a file, a folder of files, or - for standard input")
    .argParser((path: string) => {
      // Of two the first would not count.
      if (given !== null)
        throw new InvalidArgumentError(`\`${given}\` is given already; several files go into one folder.`);
      return (given = path);
    })
    .makeOptionMandatory();
}

export const formatOption = (): Option =>
  new Option("--format <KIND>", "what the data are, where their name does not tell").choices([
    "text",
    "jsonl",
    "csv",
    "tsv",
    "conll",
    "idx",
  ]);

export const columnsOption = (): Option =>
  new Option(
    "--columns <NAMES>",
    "names of a file's columns, such as words,_,tags, where no line of it names them",
  ).argParser(columnNames);

function columnNames(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const twice = names.find((name, k) => name !== "_" && names.indexOf(name) !== k);
  if (names.includes("")) throw new InvalidArgumentError("A column that is not wanted is named _.");
  if (twice !== undefined) throw new InvalidArgumentError(`Two columns are named ${twice}.`);
  return names;
}

export const jsonOption = (): Option => new Option("--json", "print the result as JSON, for tools");

export const seedOption = (): Option =>
  new Option("--seed <N>", "where random numbers start").argParser(wholeNumber(0));

/** A picture: what is written is SVG, whatever the name says, so the name has to say it too. */
export function svgFile(text: string): string {
  if (/\.svg$/iu.test(text)) return text;
  const way = `${text.replace(/\.(?:png|jpe?g|gif|webp|pdf)$/iu, "")}.svg`;
  throw new InvalidArgumentError(
    /\.rnn$/iu.test(text)
      ? "That is a program; name the picture to write, such as flow.svg."
      : `Pictures are SVG: write ${way}, and convert it, e.g. with rsvg-convert or a browser.`,
  );
}

/** One weight, and the values that it takes; null: around its start. */
export interface WeightRange {
  readonly name: string;
  readonly index: readonly number[] | null;
  readonly range: readonly [number, number] | null;
}

/** `w,b`, `cell.W[0,1],cell.b[2]=-1:1`: two weights. */
export function twoWeights(text: string): readonly [WeightRange, WeightRange] {
  const [first, second, ...more] = text.split(/,(?![^[]*\])/u).map(weightRange);
  if (first === undefined || second === undefined || more.length > 0)
    throw new InvalidArgumentError("Two weights are due, with a comma between them.");
  return [first, second];
}

function weightRange(text: string): WeightRange {
  const match = /^([^[\]=:,\s]+)(?:\[(\d+(?:,\d+)*)\])?(?:=([^:]+):([^:]+))?$/u.exec(text.trim());
  if (!match)
    throw new InvalidArgumentError(`\`${text.trim()}\` is no weight: write w, W[0,1] or w=0.5:1.5.`);
  const [, name, index, low, high] = match;
  const range = low === undefined ? null : ([Number(low), Number(high)] as const);
  if (range && !(range.every(Number.isFinite) && range[0] < range[1]))
    throw new InvalidArgumentError(`\`${low}:${high}\` is no range from a smaller number to a larger.`);
  return { name: name!, index: index === undefined ? null : index.split(",").map(Number), range };
}
