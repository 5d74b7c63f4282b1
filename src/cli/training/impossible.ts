/**
 * Examples that have nothing to teach: the loss of their target is inf, for no path through their steps spells it. Training
 * goes on without them, and says once how many there are and where; or, if it is asked to, ends at the first.
 */
import type { Batch } from "../../runtime/batch.ts";
import type { Trainer } from "../../runtime/trainer.ts";
import { wrongRecord, type DataRecord } from "../data/record.ts";
import { capital, Failure } from "../failure.ts";
import { plural } from "../output.ts";
import type { Course } from "./course.ts";

export interface Impossible {
  /** So many examples of this batch were left out of its loss. */
  readonly found: (batch: Batch, count: number) => void;
  /** What is to be said of those found; null if there are none, or if it has been said. */
  readonly note: () => string | null;
  /** There is nothing else in the data. */
  readonly fail: () => never;
}

/** Records that are named; the search for them runs each example of a batch alone. */
const mostNamed = 5;

/** `refuse`: the first one is an error. */
export function watchImpossible(trainer: Trainer, course: Course, refuse: boolean): Impossible {
  const named: DataRecord[] = [];
  let count = 0;
  let told = false;
  return {
    found: (batch, more) => {
      count += more;
      if (named.length < mostNamed) named.push(...course.impossible(trainer, batch));
      if (!refuse) return;
      const [first] = named;
      if (first) throw wrongRecord(first, `${capital(reason)}.`, way);
      throw new Failure(`There is an example with the loss inf: ${reason}.`, way);
    },
    fail: () => {
      throw new Failure(
        `There is nothing to learn from: every example has the loss inf, for ${reason}.`,
        way,
      );
    },
    note: () => {
      if (count === 0 || told) return null;
      told = true;
      const places = named.slice(0, mostNamed).map(({ file, line }) => `${file}:${line}`);
      const where = places.length === 0 ? "" : ` (${places.join(", ")}${count > places.length ? " …" : ""})`;
      return (
        `note: ${plural(count, "example")} of training data${where} left out of the loss, ` +
        `which is inf: ${reason}`
      );
    },
  };
}

const reason = "no path through its steps spells its target";
const way = "Leave it out of the data, or give it more steps.";
