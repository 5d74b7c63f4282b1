/** Vocabularies that `--vocab` names, each in a file of its own. */
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";
import type { Assignments } from "./options.ts";

/** A list of entries, one a line or as JSON; or a package's `NAME.json`, which has those of the data it was trained on. */
export function readVocabularies(files: Assignments): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(files).map(([name, path]) => {
      const text = readText(path);
      const entries = /^\s*[[{]/u.test(text)
        ? parseEntries(text, name, path)
        : text.replace(/\n$/u, "").split(/\r?\n/u);
      const twice = entries.find((entry, k) => entries.indexOf(entry) !== k);
      if (twice !== undefined) throw new Failure(`The vocabulary \`${path}\` has \`${twice}\` twice.`);
      return [name, entries];
    }),
  );
}

const isEntries = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === "string");

function parseEntries(text: string, name: string, path: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure(`\`${path}\` is no JSON, though it begins like it.`);
  }
  if (isEntries(value)) return value;
  const { vocabularies } = value as { readonly vocabularies?: Readonly<Record<string, unknown>> };
  if (!vocabularies || Array.isArray(value))
    throw new Failure(`\`${path}\` is neither a JSON list of strings nor the \`NAME.json\` of a package.`);
  const found = vocabularies[name];
  if (isEntries(found)) return found;
  const known = Object.keys(vocabularies).map((n) => `\`${n}\``);
  throw new Failure(
    `The package of \`${path}\` has no vocabulary of \`${name}\`; it has ${known.length > 0 ? `those of ${known.join(", ")}` : "none"}.`,
  );
}
