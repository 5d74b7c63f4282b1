/** Vocabularies that `--vocab` names, each in a file of its own. */
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";
import type { Assignments } from "./options.ts";

/** A list of entries, one a line or as JSON. */
export function readVocabularies(files: Assignments): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(files).map(([name, path]) => {
      const text = readText(path);
      const entries = text.trimStart().startsWith("[")
        ? parseEntries(text, path)
        : text.replace(/\n$/u, "").split(/\r?\n/u);
      const twice = entries.find((entry, k) => entries.indexOf(entry) !== k);
      if (twice !== undefined) throw new Failure(`The vocabulary \`${path}\` has \`${twice}\` twice.`);
      return [name, entries];
    }),
  );
}

function parseEntries(text: string, path: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  } catch {
    // Said below.
  }
  throw new Failure(`\`${path}\` is no JSON list of strings.`);
}
