/**
 * What is wrong with a `fn`, `cell` or `loss` however it is used: names given twice, states without an equation, no
 * result or two. Checked where it stands, once, also if nothing uses it.
 */
import type { Note, Reporter } from "../diagnostics/diagnostic.ts";
import type { DefinitionStatement, Identifier } from "../parser/ast.ts";

/** False if something was reported: then what uses the definition is not looked at. */
export function checkDefinition(definition: DefinitionStatement, reporter: Reporter): boolean {
  const { name, body, options, inputs, kind } = definition;
  let good = true;
  const report: Reporter["report"] = (...what) => {
    good = false;
    reporter.report(...what);
  };

  const seen = new Map<string, Identifier>();
  for (const each of namesOf(definition)) {
    const before = seen.get(each.name);
    if (before) report("name-twice", each.span, { name: each.name }, [firstPlace(before)]);
    else seen.set(each.name, each);
  }

  if (kind === "loss" && (options === null || options.length === 0 || inputs.length !== 1))
    report("loss-lists", name.span, { name: name.name });
  else if ((kind === "cell" || options !== null) && inputs.length === 0)
    report("no-input", name.span, { name: name.name, kind });

  const equations = new Set(body.flatMap((s) => (s.kind === "equation" ? [s.name.name] : [])));
  for (const statement of body)
    if (statement.kind === "state")
      for (const state of statement.states)
        if (!equations.has(state.name.name))
          report("state-without-equation", state.span, { name: state.name.name });

  for (const said of ["return", "predict"] as const) {
    const [first, second] = body.filter((s) => s.kind === said);
    if (!first && said === "return") report("no-return", name.span, { name: name.name });
    if (first && second)
      report("two-returns", second.span, { name: name.name, kind: said }, [
        { message: "The first is here:", file: "", span: first.span },
      ]);
    if (first && said === "predict" && kind !== "loss")
      report("predict-outside-loss", first.span, { name: name.name, kind });
  }
  return good;
}

/** Every name that the definition gives a meaning; a state and its equation share theirs. */
function namesOf({ options, inputs, body }: DefinitionStatement): readonly Identifier[] {
  const given = [...(options ?? []), ...inputs].map((parameter) => parameter.name);
  const made = body.flatMap((s) => (s.kind === "equation" || s.kind === "param" ? [s.name] : []));
  return [...given, ...made];
}

export const firstPlace = ({ span }: Pick<Identifier, "span">, file = ""): Note => ({
  message: "It is defined here:",
  file,
  span,
});
