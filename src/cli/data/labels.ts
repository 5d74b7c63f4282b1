/**
 * Labels that a model does not know, in data that it is measured on. No prediction can be right there: they count as
 * errors, as in the published scores of data sets whose tests have labels that their training lacks, and the examples
 * are left out of the loss, which would be infinite.
 */
import { dataSpecs, type DataSpecs } from "../../runtime/batch.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import type { EncodedRecord } from "./examples.ts";
import type { Field } from "./field.ts";
import type { DataRecord } from "./record.ts";
import { entriesIn } from "./vocabularies.ts";

export interface UnknownLabel {
  readonly label: string;
  readonly target: string;
  /** Where it is first seen. */
  readonly record: DataRecord;
}

export interface KnownAndUnknown {
  /** With unknown labels as further entries of their vocabularies. */
  readonly specs: DataSpecs;
  readonly unknown: readonly UnknownLabel[];
  /** Whether the model knows all labels of an example. */
  readonly isKnown: (example: EncodedRecord) => boolean;
}

export function withUnknownLabels(
  metadata: Metadata,
  records: readonly DataRecord[],
  fields: readonly Field[],
): KnownAndUnknown {
  const own = dataSpecs(metadata);
  const unknown: UnknownLabel[] = [];
  const vocabularies: Record<string, readonly string[]> = { ...metadata.vocabularies };
  const limits: { readonly name: string; readonly size: number }[] = [];
  for (const field of fields) {
    const vocabulary = own.vocabularies.get(field.vocabulary ?? "");
    // A vocabulary with `<unk>` has an id for everything.
    if (field.role !== "target" || vocabulary === undefined || vocabulary.unknown >= 0) continue;
    limits.push({ name: field.name, size: vocabulary.entries.length });
    const seen = new Set<string>();
    for (const record of records)
      for (const label of entriesIn(record, field)) {
        // A label with a blank is two words by mistake: reading it says so.
        if (vocabulary.has(label) || seen.has(label) || /\s/u.test(label)) continue;
        seen.add(label);
        unknown.push({ label, target: field.name, record });
      }
    vocabularies[field.vocabulary!] = [...(vocabularies[field.vocabulary!] ?? []), ...seen];
  }
  return {
    specs: unknown.length === 0 ? own : dataSpecs({ ...metadata, vocabularies }),
    unknown,
    isKnown: ({ columns }) =>
      limits.every(({ name, size }) => columns.get(name)!.data.every((id: number) => id < size)),
  };
}
