/** Programs checked for their tests: the model, the types of its results, the names of its parameters. */
import { check } from "../../src/compile/check.ts";
import type { CompileOptions } from "../../src/compile/types.ts";
import type { Model } from "../../src/elaborate/program.ts";
import { describeType } from "../../src/elaborate/tensors.ts";

export function modelOf(source: string, options: CompileOptions = {}): Model {
  const { model, diagnostics } = check(source, "test.rnn", options);
  if (!model) throw new Error(diagnostics.map((d) => `${d.code}: ${d.message}`).join("\n"));
  return model;
}

export const codesOf = (source: string, options: CompileOptions = {}): readonly string[] =>
  check(source, "test.rnn", options).diagnostics.map(({ code }) => code);

/** `{ y: "f32[T, 8]" }` */
export const typesOf = (source: string, options: CompileOptions = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(modelOf(source, options).results.map(({ name, value }) => [name, describeType(value)]));

export const namesOf = (source: string, options: CompileOptions = {}): readonly string[] =>
  modelOf(source, options).parameters.map(({ name }) => name);

/** `lstm.i.Wx: 4 3` */
export const shapesOf = (source: string, options: CompileOptions = {}): readonly string[] =>
  modelOf(source, options).parameters.map(
    ({ name, axes }) =>
      `${name}: ${axes.map(({ size }) => (size.kind === "fixed" ? size.size : "?")).join(" ")}`,
  );
