/** Options bound to a definition: words first, then by place, then defaults; and a definition applied to its inputs. */
import type { Note } from "../diagnostics/diagnostic.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import type { Argument, DefinitionStatement, Expression, Parameter, Span } from "../parser/ast.ts";
import { failCount } from "./arguments.ts";
import { openChild, runBody } from "./body.ts";
import { builtinFunctions } from "./builtins.ts";
import { cellOptionNames, noCellOptions, withCellOption, type CellOptions } from "./cell-options.ts";
import { applyCell } from "./cells.ts";
import { firstPlace } from "./definitions.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate, find } from "./evaluate.ts";
import { stageName } from "./stages.ts";
import { asTensor, describe, number } from "./tensors.ts";
import type { CallSite, DefinitionValue, Stage, StageSite, Tensor, Value } from "./values.ts";

/** `f(a, b)` of one list gives its value; `f(options)` of two lists a stage. */
export function callDefinition(value: DefinitionValue, site: CallSite): Value {
  const { definition } = value;
  const [binder] = site.binders;
  if (binder) fail(site.environment, "binder-not-taken", binder.span, { name: definition.name.name });
  // Without options to give, `f()` is the stage and `f(x)` its result.
  const isApplied = definition.options?.length === 0 && site.arguments.length > 0;
  if (definition.options !== null && !isApplied) return bindOptions(value, site);
  const inputs = site.arguments.map((a) => ({ value: evaluate(a.value, site.environment), argument: a }));
  if (inputs.length !== definition.inputs.length)
    failCount(
      site,
      definition.name.name,
      definition.inputs.length,
      inputs.length,
      `Write \`${definition.name.name}(${definition.inputs.map((p) => p.name.name).join(", ")})\`.`,
      definedHere(value),
    );
  // What is not data (functions, stages, numbers) is bound like an option.
  const options = new Map<string, Value>();
  const tensors = inputs.map(({ value: v, argument }, k): Tensor | undefined => {
    if (v.kind === "tensor" || v.kind === "draw" || definition.kind === "cell")
      return asTensor(v, site.environment, argument.value.span);
    options.set(definition.inputs[k]!.name.name, v);
    return undefined;
  });
  if (definition.kind === "cell")
    return applyCell(
      value,
      options,
      tensors as Tensor[],
      openChild(site.environment, definition.name),
      { environment: site.environment, span: site.span, backward: false },
      noCellOptions,
    );
  return runBody({
    definition: value,
    options,
    inputs: tensors as Tensor[],
    environment: site.environment,
    path: site.environment.path,
    recurrence: site.environment.recurrence,
    span: site.span,
  }).value;
}

export const isFlag = (parameter: Parameter): boolean =>
  parameter.choices !== null && parameter.choices.length === 0;

/** Binds a call's arguments to the options of a definition: words first, then by place, then defaults. */
export function bindOptions(value: DefinitionValue, site: CallSite): Stage {
  const { definition } = value;
  const { environment } = site;
  const parameters = definition.options ?? [];
  const options = new Map<string, Value>();
  const places = parameters.filter((p) => p.choices === null);
  let extras: CellOptions = noCellOptions;
  let next = 0;
  const set = (name: string, option: Value, span: Span): void => {
    if (options.has(name)) fail(environment, "option-twice", span, { name });
    options.set(name, option);
  };
  const cellOption = (argument: Argument): boolean => {
    const more = definition.kind === "cell" ? withCellOption(extras, argument, environment) : null;
    if (more) extras = more;
    return more !== null;
  };
  for (const argument of site.arguments) {
    const word =
      argument.name === null && argument.value.kind === "name"
        ? wordOption(parameters, argument.value.name)
        : null;
    if (word) set(word.parameter.name.name, word.value, argument.span);
    else if (argument.name !== null) {
      const name = argument.name.name;
      const parameter = parameters.find((p) => p.name.name === name);
      if (parameter) set(name, optionValue(parameter, argument, definition, environment), argument.span);
      else if (cellOption(argument)) continue;
      else unknownOption(definition, name, argument.name.span, environment);
    } else if (cellOption(argument)) continue;
    else {
      const parameter = places[next++];
      if (isMisspeltWord(argument.value, definition, environment, parameter === undefined))
        unknownOption(definition, stageName(argument.value)!, argument.span, environment);
      else if (!parameter)
        fail(environment, "too-many-options", argument.span, {
          stage: definition.name.name,
          known: optionList(definition),
        });
      else set(parameter.name.name, optionValue(parameter, argument, definition, environment), argument.span);
    }
  }
  return {
    kind: "stage",
    name: definition.name.name,
    apply: (inputs, at) => applyDefinition(value, options, inputs, at, extras),
  };
}

/** A bare name that means nothing is a misspelt flag or choice, if it is near one or no value is due. */
const isMisspeltWord = (
  expression: Expression,
  definition: DefinitionStatement,
  environment: Environment,
  noPlace: boolean,
): boolean =>
  expression.kind === "name" &&
  find(expression.name, environment) === null &&
  (noPlace ||
    nearest(expression.name, optionWords(definition)) !== null ||
    nearest(expression.name, [...environment.names(), ...Object.keys(builtinFunctions)]) === null);

const optionWords = ({ options, kind }: DefinitionStatement): readonly string[] => [
  ...(options ?? []).flatMap((p) => [p.name.name, ...(p.choices ?? []).map((c) => c.name)]),
  ...(kind === "cell" ? cellOptionNames : []),
];

/** `n`, `reset` (`before` or `after`), … */
function optionList({ options, kind }: DefinitionStatement): string {
  const own = (options ?? []).map(({ name, choices }) =>
    choices && choices.length > 0
      ? `\`${name.name}\` (${orList(choices.map((c) => c.name))})`
      : `\`${name.name}\``,
  );
  return [...own, ...(kind === "cell" ? cellOptionNames.map((n) => `\`${n}\``) : [])].join(", ") || "none";
}

function wordOption(
  parameters: readonly Parameter[],
  word: string,
): { parameter: Parameter; value: Value } | null {
  for (const parameter of parameters) {
    if (isFlag(parameter) && parameter.name.name === word)
      return { parameter, value: { kind: "boolean", value: true } };
    if (parameter.choices?.some((c) => c.name === word)) return { parameter, value: { kind: "word", word } };
  }
  return null;
}

function optionValue(
  parameter: Parameter,
  argument: Argument,
  definition: DefinitionStatement,
  environment: Environment,
): Value {
  const { value } = argument;
  if (parameter.choices && value.kind === "name") {
    const { name } = value;
    if (isFlag(parameter) && (name === "true" || name === "false"))
      return { kind: "boolean", value: name === "true" };
    if (parameter.choices.some((c) => c.name === name)) return { kind: "word", word: name };
    if (!isFlag(parameter))
      fail(environment, "unknown-choice", value.span, {
        name,
        option: parameter.name.name,
        choices: orList(parameter.choices.map((c) => c.name)),
        nearest:
          nearest(
            name,
            parameter.choices.map((c) => c.name),
          ) ?? "",
      });
  }
  const result = evaluate(value, environment);
  const { name } = parameter.name;
  if (parameter.choices && isFlag(parameter) && result.kind !== "boolean")
    fail(environment, "flag-value", value.span, { name, what: describe(result) });
  if (parameter.choices && !isFlag(parameter) && result.kind !== "word")
    fail(environment, "unknown-choice", value.span, {
      name: result.kind === "number" ? `${result.value}` : "this",
      option: name,
      choices: orList(parameter.choices.map((c) => c.name)),
      nearest: "",
    });
  if (result.kind !== "number" || result.option) return result;
  return { ...result, option: { name, of: definition.name.name } };
}

function unknownOption(
  definition: DefinitionStatement,
  name: string,
  span: Span,
  environment: Environment,
): never {
  return fail(environment, "unknown-option", span, {
    stage: definition.name.name,
    name,
    nearest: nearest(name, optionWords(definition)) ?? "",
    known: optionList(definition),
  });
}

function applyDefinition(
  value: DefinitionValue,
  given: ReadonlyMap<string, Value>,
  inputs: readonly Tensor[],
  site: StageSite,
  extras: CellOptions,
): Tensor {
  const { definition, closure } = value;
  const { environment } = site;
  const path = openChild(environment, definition.name);
  if (inputs.length !== definition.inputs.length)
    failCount(
      site,
      definition.name.name,
      definition.inputs.length,
      inputs.length,
      inputs.length === 1 ? "What flows in by `>>` is one value; call it as a function of several." : "",
      definedHere(value),
    );
  const options = new Map<string, Value>();
  // A default may be what flows in: `over = x`.
  const inputOf = (n: string): Value | null =>
    inputs[definition.inputs.findIndex((p) => p.name.name === n)] ?? null;
  for (const parameter of definition.options ?? []) {
    const { name } = parameter.name;
    const set = given.get(name);
    if (set) options.set(name, set);
    else if (isFlag(parameter)) options.set(name, { kind: "boolean", value: false });
    else if (parameter.default) {
      const word = parameter.default.kind === "name" ? parameter.default.name : null;
      if (word !== null && parameter.choices?.some((c) => c.name === word))
        options.set(name, { kind: "word", word });
      else
        options.set(
          name,
          evaluate(parameter.default, {
            ...closure,
            session: environment.session,
            lookup: (n) => options.get(n) ?? inputOf(n) ?? closure.lookup(n),
          }),
        );
    } else {
      const origin = { file: environment.file, span: site.span };
      options.set(
        name,
        number(
          environment.session.sizes.fresh(
            `${path.name}.${name}`,
            origin,
            `\`${name}\` of \`${definition.name.name}\``,
            `Give it in the call: \`${definition.name.name}(${name} = …)\`.`,
          ),
        ),
      );
    }
  }
  const located = (result: Tensor): Tensor => ({
    ...result,
    origin: { file: environment.file, span: site.span },
  });
  if (definition.kind === "cell") return located(applyCell(value, options, inputs, path, site, extras));
  return located(
    runBody({
      definition: value,
      options,
      inputs,
      environment,
      path,
      recurrence: environment.recurrence,
      span: site.span,
    }).value,
  );
}

const definedHere = ({ definition, closure }: DefinitionValue): readonly Note[] =>
  closure.file.startsWith("std/") ? [] : [firstPlace({ span: definition.headerSpan }, closure.file)];
