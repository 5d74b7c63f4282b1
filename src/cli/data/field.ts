/**
 * What a program says of its data before anything is compiled: enough to read the files and to build vocabularies,
 * which the compiler needs before it can tell the sizes.
 */
import type { Program, Statement } from "../../parser/ast.ts";

export interface Field {
  readonly name: string;
  readonly role: "input" | "target";
  readonly base: "f32" | "token" | "char" | "trigrams";
  /** How many named axes it has; null where nothing declares it. */
  readonly rank: number | null;
  /** The name of a size that the data tell: `d` of `f32[T, d]`. */
  readonly freeSize: string | null;
  /** Whether an unnamed feature axis comes last. */
  readonly feature: boolean;
  /** The data whose vocabulary it uses; null for numbers and for integers below a given size. */
  readonly vocabulary: string | null;
}

type DataStatement = Extract<Statement, { kind: "input" | "target" }>;

export function fieldsOf(program: Program): readonly Field[] {
  const declared = program.statements.filter(
    (statement): statement is DataStatement => statement.kind === "input" || statement.kind === "target",
  );
  const fields = declared.map(fieldOf);
  // Without declarations a file means `input x : f32[T, d]`, and `target y` as its output layer wants.
  if (!fields.some((field) => field.role === "input")) fields.push(implied("x", "input", "d"));
  return fields;
}

function fieldOf(statement: DataStatement): Field {
  const { base, axes, vocabulary } = statement.type;
  const last = axes.at(-1);
  const lastName = last?.name?.name ?? null;
  const feature = last !== undefined && (lastName === null || (!last.size && !/^\p{Lu}/u.test(lastName)));
  return {
    name: statement.name.name,
    role: statement.kind,
    base,
    rank: axes.length - (feature ? 1 : 0),
    freeSize: feature && lastName !== null ? lastName : null,
    feature,
    vocabulary: vocabularyName(base, vocabulary, statement.name.name),
  };
}

function vocabularyName(
  base: Field["base"],
  vocabulary: DataStatement["type"]["vocabulary"],
  own: string,
): string | null {
  if (base === "f32") return null;
  if (vocabulary === null) return own;
  return vocabulary.kind === "name" ? vocabulary.name : null;
}

const implied = (name: string, role: Field["role"], freeSize: string | null): Field => ({
  name,
  role,
  base: "f32",
  rank: 1,
  freeSize,
  feature: true,
  vocabulary: null,
});
