/**
 * What the compiler has to say to a user: one plain record. Words live in `catalogue.ts`, the picture with
 * carets in `render.ts`. Faults of the compiler itself are `CompilerBug`s and never diagnostics.
 */
import type { Span } from "../parser/ast.ts";
import type { Code } from "./catalogue.ts";

export interface Diagnostic {
  readonly code: Code;
  readonly severity: "error" | "warning";
  /** A full sentence in the language's words, names in backquotes. */
  readonly message: string;
  /** Name of the source as given to the compiler, e.g. `speech.rnn`. */
  readonly file: string;
  readonly span: Span;
  /** Further places that matter ("`d` is 39 here"). */
  readonly notes: readonly Note[];
  /** A way out. */
  readonly hint: string | null;
}

export interface Note {
  readonly message: string;
  readonly file: string;
  readonly span: Span | null;
}

/** Collects what a phase finds wrong, so that one run reports as many independent errors as it can. */
export interface Reporter {
  /** `words` fill the catalogue's template for `code`. */
  report(
    code: Code,
    span: Span,
    words?: Readonly<Record<string, string | number>>,
    notes?: readonly Note[],
  ): void;
}

/** A fault of ours: after elaboration nothing is the user's. */
export class CompilerBug extends Error {
  override readonly name = "CompilerBug";
}
