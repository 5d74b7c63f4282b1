/** A library is called from programs that no type checker has seen: what is no source is refused in words. */
import { fail, shown } from "../runtime/errors.ts";

/** What a program is called where nobody gives its file. */
export const defaultFile = "model.rnn";

export function needText(source: unknown, file: unknown): void {
  if (typeof source !== "string")
    fail(
      `the source of a program is a text, and this is ${shown(source)}: \`compile(source, file, options)\``,
    );
  if (typeof file !== "string")
    fail(
      `the second argument is the name of the program's file, and this is ${shown(file)}: ` +
        "`compile(source, file, options)`",
    );
}
