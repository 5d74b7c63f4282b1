/**
 * A loss over given emissions, with its gradient for each of them: they are the rows of a table that is looked up, so a
 * row's gradient is an emission's. Row 0 is NaN and is what padding looks up, so it shows if anything reads that.
 */
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, program, type Program, type Runner, type Values } from "./program.ts";

/** The emissions of one example, step by step, or their gradients. */
export type Rows = readonly (readonly number[])[];

export interface Item {
  readonly emissions: Rows;
  readonly labels: readonly number[];
}

export interface Emitted {
  readonly made: Program;
  readonly call: Call;
  /** Of each example, from those of the parameters. */
  readonly gradients: (of: Values) => readonly Rows[];
}

/**
 * `layer`: what the emissions flow into; its target is `y`, of type `target`. `parameters`: those of the layer.
 * `definitions`: what the layer needs beyond the library.
 */
export function emitted(
  items: readonly Item[],
  layer: string,
  target: string,
  parameters: Values = new Map(),
  definitions = "",
): Emitted {
  const classes = items.flatMap(({ emissions }) => emissions)[0]!.length;
  const starts: number[] = [];
  let count = 1;
  for (const { emissions } of items) {
    starts.push(count);
    count += emissions.length;
  }
  const made = program(`${definitions}
    input at : token(${count})[T]  target y : ${target}
    param E[${count}, ${classes}] = zeros
    E[at] >> ${layer}`);
  const table = [new Array<number>(classes).fill(NaN), ...items.flatMap(({ emissions }) => emissions)];
  const data = {
    at: items.map(({ emissions }, b) => emissions.map((_, t) => starts[b]! + t)),
    y: items.map(({ labels }) => labels),
  };
  return {
    made,
    call: { data, parameters: new Map([["E", table.flat()], ...parameters]) },
    gradients: (of) => {
      const all = of.get("E")!;
      const row = (k: number) => all.slice(k * classes, (k + 1) * classes);
      return items.map(({ emissions }, b) => emissions.map((_, t) => row(starts[b]! + t)));
    },
  };
}

export const runners = async (made: Program): Promise<readonly Runner[]> => [
  evaluator(made),
  await moduleOf(made),
];
