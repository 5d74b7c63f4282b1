/**
 * The data that a program asks for, as reading them needs it: from a check of the program, before its vocabularies and
 * the sizes that only the data can tell are known.
 */
import type { Program } from "../../parser/ast.ts";
import type { DataInfo } from "../../runtime/metadata.ts";

export interface Field {
  readonly name: string;
  readonly role: "input" | "target";
  readonly base: DataInfo["base"];
  /** How many axes it has, without the feature. */
  readonly rank: number;
  /** Whether an unnamed feature axis comes last. */
  readonly feature: boolean;
  /** The name of a feature's size that the data tell: `d` of `f32[T, d]`. */
  readonly freeSize: string | null;
  /** The data whose vocabulary it uses; null for numbers and for integers below a given size. */
  readonly vocabulary: string | null;
  /** Names of its axes that differ from example to example. */
  readonly ragged: readonly string[];
}

/** Of a compiled model, which knows all sizes. */
export const fieldsOfModel = (data: readonly DataInfo[]): readonly Field[] => fieldsOf(data, null);

export function fieldsOf(data: readonly DataInfo[], program: Program | null): readonly Field[] {
  return data
    .filter((info) => info.derived === null)
    .map((info) => ({
      name: info.name,
      role: info.role,
      base: info.base,
      rank: axesOf(info).length,
      feature: info.feature !== null,
      freeSize: info.feature === null || program === null ? null : freeSize(info.name, program),
      vocabulary: info.vocabulary !== null && !info.vocabulary.fixed ? info.vocabulary.of : null,
      ragged: axesOf(info)
        .filter(({ size }) => size === null)
        .map(({ name }) => name),
    }));
}

/** As written: without that of a word's trigrams. */
const axesOf = ({ base, axes }: DataInfo): DataInfo["axes"] =>
  base === "trigrams" ? axes.slice(0, -1) : axes;

/** Of data that nothing declares, the compiler calls the input's size `d` and the target's `y`. */
function freeSize(name: string, program: Program): string | null {
  for (const statement of program.statements) {
    if (statement.kind !== "input" && statement.kind !== "target") continue;
    if (statement.name.name !== name) continue;
    const last = statement.type.axes.at(-1);
    return last?.name && last.size === null && !/^\p{Lu}/u.test(last.name.name) ? last.name.name : null;
  }
  return name === "x" ? "d" : name;
}
