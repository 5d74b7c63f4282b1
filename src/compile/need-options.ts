/** The options of `compile` from programs that no type checker has seen: a misspelt one would have no effect. */
import { nearest, orList } from "../diagnostics/nearest.ts";
import { fail, shown } from "../runtime/errors.ts";
import type { CompileOptions } from "./types.ts";

/** Every option, and the words that it can be, where it is one of some. */
const known: Readonly<Record<keyof CompileOptions, readonly string[] | null>> = {
  target: ["wasm", "tfjs"],
  dims: null,
  vocabularies: null,
  assume: null,
  imports: null,
  relaxedSimd: null,
  threads: null,
  recompute: ["none", "gates", "segments"],
  maxMemory: null,
  sizes: null,
  without: null,
  emit: null,
};

/** Fails with an `RnncError` at an option that there is not, or a word that it can't be. */
export function needOptions(options: unknown): void {
  if (typeof options !== "object" || options === null)
    fail(
      `the third argument is an object of options, and this is ${shown(options)}: ` +
        '`compile(source, file, { target: "tfjs" })`',
    );
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) {
      const near = nearest(name, Object.keys(known));
      fail(
        near === null
          ? `\`compile\` has no option \`${name}\`; it takes ${orList(Object.keys(known))}`
          : `\`compile\` has no option \`${name}\`: is \`${near}\` meant?`,
      );
    }
    const words = known[name as keyof CompileOptions];
    if (words === null || value === undefined || words.includes(value as string)) continue;
    fail(`the option \`${name}\` of \`compile\` is ${orList(words)}, and this is ${shown(value)}`);
  }
}
