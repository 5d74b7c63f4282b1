/**
 * Makes a reporter that fills the catalogue's sentences. A hint whose words are not all there is left out: "Did you
 * mean …?" needs something to mean.
 */
import { catalogue, type CatalogueEntry } from "./catalogue.ts";
import type { Diagnostic, Reporter } from "./diagnostic.ts";

type Words = Readonly<Record<string, string | number>>;

/** Notes with an empty file are in `file`. */
export function makeReporter(file: string, sink: Diagnostic[]): Reporter {
  return {
    report(code, span, words = {}, notes = []) {
      const { severity, message, hint }: CatalogueEntry = catalogue[code];
      sink.push({
        code,
        severity,
        message: fill(message, words),
        file,
        span,
        notes: notes.map((note) => (note.file === "" ? { ...note, file } : note)),
        hint: hint === null || !isFilled(hint, words) ? null : fill(hint, words),
      });
    },
  };
}

const slot = /\{(\w+)\}/g;

const fill = (template: string, words: Words): string =>
  template.replace(slot, (whole, name: string) => String(words[name] ?? whole));

const isFilled = (template: string, words: Words): boolean =>
  [...template.matchAll(slot)].every(([, name]) => String(words[name ?? ""] ?? "") !== "");
