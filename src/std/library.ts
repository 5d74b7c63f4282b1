/** The standard library: programs in the language itself, parsed when this package was built, else once a process. */
import { parse } from "../parser/parse.ts";
import type { Program } from "../parser/ast.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import activations from "./activations.rnn";
import attention from "./attention.rnn";
import cells from "./cells.rnn";
import layers from "./layers.rnn";
import sequences from "./sequences.rnn";

export interface LibraryFile {
  readonly file: string;
  readonly source: string;
  readonly program: Program;
}

const texts = {
  "std/activations.rnn": activations,
  "std/attention.rnn": attention,
  "std/layers.rnn": layers,
  "std/cells.rnn": cells,
  "std/sequences.rnn": sequences,
};

const memo: { files: readonly LibraryFile[] | null } = { files: null };

/** Parsing is pure, so remembering its result is not state. */
export function standardLibrary(): readonly LibraryFile[] {
  memo.files ??= Object.entries(texts).map(([file, { source, program }]) => ({
    file,
    source,
    program: program ?? parsed(source, file),
  }));
  return memo.files;
}

function parsed(source: string, file: string): Program {
  const { program, diagnostics } = parse(source, file);
  if (diagnostics.length > 0) throw new CompilerBug(`${file}: ${diagnostics[0]!.message}`);
  return program;
}
