/** A table of words for those that a model does not know: one a line, `word|||translation`, as that of OpenNMT. */
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";

export function readPhraseTable(path: string): ReadonlyMap<string, string> {
  const table = new Map<string, string>();
  for (const [k, line] of readText(path).split(/\r?\n/u).entries()) {
    if (line.trim() === "") continue;
    const [word, translation, ...more] = line.split("|||").map((part) => part.trim());
    if (!word || translation === undefined || more.length > 0)
      throw new Failure(`${path}:${k + 1}: The line is not written word|||translation.`);
    table.set(word, translation);
  }
  return table;
}
