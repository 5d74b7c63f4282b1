/**
 * A training whose loss or gradient is no longer a finite number: at which step, and whether the data's scale is the
 * likely cause or the learning rate.
 */
import type { Field } from "../data/field.ts";
import type { DataRecord, Value } from "../data/record.ts";
import { Failure } from "../failure.ts";
import type { Log, StepEntry } from "./log.ts";

/** Beyond this a number is no scale to learn at: the square of a few such overflows a float32. */
const wild = 1e6;

export function diverged(
  log: Pick<Log, "entries">,
  records: readonly DataRecord[],
  fields: readonly Field[],
): Failure {
  const first = log.entries.find((entry): entry is StepEntry => "loss" in entry && !isGood(entry));
  const step = first?.step ?? 1;
  const what = first && !isLossFinite(first) ? "loss" : "gradient";
  const when = step === 1 ? "at the first step" : `at step ${step}`;
  const message = `The ${what} is not a finite number ${when}`;
  const largest = wildNumber(records, fields);
  if (largest !== null)
    return new Failure(
      `${message}; \`${largest.field.name}\`, the model's ${largest.field.role}, goes up to ${largest.value} (${largest.record.file}:${largest.record.line}).`,
      "That is usually the scale of the data: bring their numbers to about -1 to 1, or take logarithms of them.",
    );
  if (step === 1)
    return new Failure(
      `${message}.`,
      "No weight has moved yet, so it is not the learning rate: look for a logarithm of 0, a division by 0 or a root of less than 0 in the program.",
    );
  return new Failure(
    `The training has diverged: the ${what} is not a finite number ${when}.`,
    'Lower the learning rate (`--set optimizer="adam(1e-4)"`) or clip the gradient (`--set clip="norm 1"`).',
  );
}

/** A step whose examples are all impossible has the loss inf, and changes nothing. */
const isLossFinite = ({ loss, impossible = 0 }: StepEntry): boolean =>
  Number.isFinite(loss) || (loss === Infinity && impossible > 0);

const isGood = (entry: StepEntry): boolean => isLossFinite(entry) && !entry.skipped;

interface Largest {
  readonly field: Field;
  readonly value: number;
  readonly record: DataRecord;
}

/** The largest by absolute value, of a target rather than of an input; null where none is beyond all scale. */
function wildNumber(records: readonly DataRecord[], fields: readonly Field[]): Largest | null {
  const numbers = fields.filter(({ base }) => base === "f32");
  const all = numbers.map((field) => largestOf(records, field)).filter((found) => found !== null);
  const beyond = all.filter(({ value }) => Math.abs(value) >= wild);
  return beyond.find(({ field }) => field.role === "target") ?? beyond[0] ?? null;
}

function largestOf(records: readonly DataRecord[], field: Field): Largest | null {
  let found: Largest | null = null;
  const look = (value: Value, record: DataRecord): void => {
    if (Array.isArray(value)) for (const inner of value as readonly Value[]) look(inner, record);
    else if (typeof value === "number" && !(Math.abs(value) <= Math.abs(found?.value ?? -1)))
      found = { field, value, record };
  };
  for (const record of records) look(record.values[field.name] ?? null, record);
  return found;
}
