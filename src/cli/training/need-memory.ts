/** A training that no batch is small enough for: its parameters, gradients and moments alone are more than a module holds. */
import type { Metadata } from "../../runtime/metadata.ts";
import { largestBytes, peakBytes } from "../../runtime/peak-bytes.ts";
import { Failure } from "../failure.ts";
import { formatBytes } from "../output.ts";

const bytesOfFloat = 4;

export function needMemory({ name, memory, parameters, symbols }: Metadata): void {
  if (memory.training === null) return;
  const least = peakBytes(memory.training, Object.fromEntries(symbols.map((symbol) => [symbol, 1])));
  if (least <= largestBytes) return;
  const sizes = parameters.map(({ shape }) => shape.reduce((n, size) => n * size, bytesOfFloat));
  const own = sizes.reduce((a, b) => a + b, 0);
  throw new Failure(
    `Training \`${name}\` takes ${formatBytes(least)} even with a batch of 1 and sequences of one step, and a module has ${formatBytes(largestBytes)}: its parameters are ${formatBytes(own)}, and beside them lie their gradients, the optimiser's moments and working copies.`,
    'Make the layers smaller; `--set optimizer="sgd(0.1)"` has no moments.',
  );
}
