/**
 * Every diagnostic, authored once: a code of words, the sentence it says, the way out, and what
 * `rnnc explain CODE` shows. `{name}` in a sentence is filled from the words of the report.
 */
export interface CatalogueEntry {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint: string | null;
  /** For `rnnc explain`: why this is so, a program that gets it, and the same program mended. */
  readonly about: string;
  readonly example: string;
  readonly mend: string;
}

export const catalogue = {
  "unknown-name": {
    severity: "error",
    message: "`{name}` is not known here.",
    hint: "Did you mean `{nearest}`?",
    about: "Names come from declarations, `let`, definitions, imports and the standard library.",
    example: "input words : token(100)[T]\nwords >> embd(8) >> last >> softmax(2)",
    mend: "input words : token(100)[T]\nwords >> embed(8) >> last >> softmax(2)",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type Code = keyof typeof catalogue;
