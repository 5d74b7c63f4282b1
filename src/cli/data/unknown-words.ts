/** Words and characters that a model does not know: it reads them as `<unk>`, which its user should be told once. */
import type { Model } from "../../runtime/load.ts";
import { unknownEntry } from "../../runtime/vocabulary.ts";
import { plural } from "../output.ts";
import type { Field } from "./field.ts";
import type { DataRecord } from "./record.ts";
import { entriesIn } from "./vocabularies.ts";

export interface UnknownCounter {
  readonly add: (record: DataRecord) => void;
  /** What to say at the end; null where everything was known. */
  readonly note: () => string | null;
}

export function countUnknown(model: Model, fields: readonly Field[]): UnknownCounter {
  const counts = new Map<string, number>();
  let all = 0;
  const add = (record: DataRecord): void => {
    for (const field of fields) {
      const vocabulary = model.vocabularies.get(field.vocabulary ?? "");
      if (vocabulary === undefined) continue;
      for (const entry of entriesIn(record, field)) {
        all++;
        if (!vocabulary.has(entry)) counts.set(entry, (counts.get(entry) ?? 0) + 1);
      }
    }
  };
  const note = (): string | null => {
    if (counts.size === 0) return null;
    const total = [...counts.values()].reduce((a, b) => a + b, 0);
    const frequent = [...counts].sort(([, m], [, n]) => n - m).map(([entry]) => JSON.stringify(entry));
    const what = fields.some(({ base }) => base === "char") ? "character" : "word";
    return (
      `note: ${total} of ${plural(all, what)} ${total === 1 ? "is" : "are"} not in the model's vocabulary and read as ` +
      `${unknownEntry}: ${frequent.slice(0, 5).join(", ")}${frequent.length > 5 ? " …" : ""}`
    );
  };
  return { add, note };
}
