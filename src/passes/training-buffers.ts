/**
 * The flat buffers of a training module: all parameters, all gradients and each moment of the optimiser lie in one
 * 1-D buffer each, element for element alike, so an update is one kernel over everything, vectorised and without
 * tails. Single parameters are parts (`within`) of these buffers. Besides them a few scalars:
 *
 *   counters  i32 state   [0] seed  [1] steps of training  [2] updates applied  [3] whether the last one was skipped
 *   settings  f32 state   [0] learning rate of this step, written by the trainer
 *   report    f32 output  [0] norm of the gradient before clipping  [1] 1 if the update was skipped, else 0
 *   factors   f32         scalars of one update, computed once before the kernel over all elements
 *
 * Objectives that alternate take turns: each has the parameters, gradients and moments of its own net, which are ranges of
 * these buffers, and two more places of `counters` and `report`, one pair after another.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { access, fixed, i32, load, rowsBuffer } from "../ir/kernel/build.ts";
import type { Access, Buffer, Expression } from "../ir/kernel/types.ts";
import { momentNames } from "./optimiser-rules.ts";
import type { OptimiserSettings } from "./train-settings.ts";

export interface TrainingBuffers {
  readonly parameters: Buffer;
  readonly gradients: Buffer;
  /** In the order of `momentNames`. */
  readonly moments: readonly Buffer[];
  readonly counters: Buffer;
  readonly settings: Buffer;
  readonly report: Buffer;
  readonly factors: Buffer;
}

/** One of the objectives of a step, and whether the step ends with it. */
export interface Turn {
  readonly index: number;
  readonly isLast: boolean;
}

export const onlyTurn: Turn = { index: 0, isLast: true };

export const counterIndex = { seed: 0, step: 1 } as const;
export const turnCounters = ({ index }: Turn) => ({ updates: 2 + 2 * index, skipped: 3 + 2 * index });
export const settingIndex = { rate: 0 } as const;
export const turnReport = ({ index }: Turn) => ({ gradientNorm: 2 * index, skipped: 2 * index + 1 });

/** `elements` is the length of the flat buffers, padding included: a multiple of 4. */
export function trainingBuffers(elements: number, settings: OptimiserSettings, turns = 1): TrainingBuffers {
  if (elements % 4 !== 0) throw new CompilerBug(`${elements} elements of parameters are not whole vectors`);
  const flat = [fixed(elements)];
  return {
    parameters: rowsBuffer("parameters", "f32", flat, "parameter"),
    gradients: rowsBuffer("gradients", "f32", flat, "gradient"),
    moments: momentNames(settings).map((name) => rowsBuffer(`moment.${name}`, "f32", flat, "moment")),
    counters: rowsBuffer("counters", "i32", [fixed(2 + 2 * turns)], "state"),
    settings: rowsBuffer("settings", "f32", [fixed(4)], "state"),
    report: rowsBuffer("report", "f32", [fixed(Math.max(4, 2 * turns))], "output"),
    factors: rowsBuffer("factors", "f32", [fixed(8)], "temporary"),
  };
}

/** The same buffers where the parameters of one owner lie in them; the scalars are those of all. */
export function rangeOf(
  flat: TrainingBuffers,
  name: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): TrainingBuffers {
  const part = (buffer: Buffer): Buffer => ({
    ...rowsBuffer(`${buffer.name}.${name}`, "f32", [fixed(length)], buffer.role),
    within: { buffer, offset },
  });
  const [parameters, gradients] = [part(flat.parameters), part(flat.gradients)];
  return { ...flat, parameters, gradients, moments: flat.moments.map(part) };
}

export const scalarAt = (buffer: Buffer, index: number): Access => access(buffer, [i32(index)]);
export const scalar = (buffer: Buffer, index: number): Expression => load(scalarAt(buffer, index));
