/** The arguments of a call, by place and by name, and what to say when their number is wrong. */
import { nearest, orList } from "../diagnostics/nearest.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import type { Argument, Expression } from "../parser/ast.ts";
import { fail } from "./environment.ts";
import { evaluate } from "./evaluate.ts";
import { asTensor, type Operand } from "./tensors.ts";
import type { CallSite, Tensor, Value } from "./values.ts";

/** What a function of the language's own does with a call. */
export type Builtin = (site: CallSite) => Value;

export const positional = (site: CallSite): readonly Argument[] =>
  site.arguments.filter((a) => a.name === null);

export const namedArgument = (site: CallSite, name: string): Expression | null =>
  site.arguments.find((a) => a.name?.name === name)?.value ?? null;

export const operand = (argument: Argument, site: CallSite): Operand => ({
  value: evaluate(argument.value, site.environment),
  span: argument.value.span,
});

export function only(site: CallSite, name: string): Operand {
  const [first, second] = positional(site);
  if (!first || second) failCount(site, name, 1, positional(site).length);
  return operand(first, site);
}

/** Nothing that a call gives is passed over: `places` of `options` may be given without their name. */
export function checkArguments(
  call: CallSite,
  stage: string,
  options: readonly string[],
  places: number,
): void {
  const known = options.length > 0 ? orList(options) : "none";
  let unnamed = 0;
  for (const { name, span } of call.arguments) {
    if (name && !options.includes(name.name))
      fail(call.environment, "unknown-option", name.span, {
        stage,
        name: name.name,
        known,
        nearest: nearest(name.name, options) ?? "",
      });
    if (!name && ++unnamed > places) fail(call.environment, "too-many-options", span, { stage, known });
  }
}

/** `way` shows how it is called. */
export function failCount(
  { environment, span }: Pick<CallSite, "environment" | "span">,
  name: string,
  wanted: number,
  found: number,
  way = `Write \`${name}(${["x", "y", "z"].slice(0, wanted).join(", ")})\`.`,
  notes: readonly Note[] = [],
): never {
  const values = (n: number) => (n === 1 ? "1 value" : `${n} values`);
  return fail(
    environment,
    "argument-count",
    span,
    { name, wanted: values(wanted), found: found === 0 ? "none" : String(found), way },
    notes,
  );
}

export const asOperandTensor = (o: Operand, site: CallSite): Tensor =>
  asTensor(o.value, site.environment, o.span);
