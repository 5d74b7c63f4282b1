/**
 * A reduce stage as text: one pass over its loops, for logsumexp two. The passes may be shared among the threads of a
 * workgroup; then each has a part, and `Passes.join` makes the whole of them.
 */
import type { Expression, ReduceFunction, Stage } from "../../ir/kernel/types.ts";
import { type Code, nameOf, nest, type Scope, valueOf, type ValueType } from "./code.ts";

export type ReduceStage = Extract<Stage, { kind: "reduce" }>;

export interface Passes {
  readonly over: (scope: Scope, body: (inner: Scope) => void) => void;
  /** Makes the variables hold the whole; `combine` writes how another thread's values, by name, are taken in. */
  readonly join: (
    parts: readonly { readonly name: string; readonly type: ValueType; readonly start: string }[],
    combine: (others: readonly string[]) => string,
  ) => void;
}

export const alone = (code: Code, stage: ReduceStage): Passes => ({
  over: (scope, body) => nest(code, scope, stage.loops, body),
  join: () => {},
});

/** Leaves the result's name in the scope. */
export function writeReduce(code: Code, scope: Scope, stage: ReduceStage, passes: Passes): void {
  const { dialect } = code.target;
  const { value } = stage;
  const fold = (fn: Fold, of: (inner: Scope) => string): string => {
    const name = code.fresh("r");
    const start = dialect.constant(value.dtype, starts[fn]);
    const step = (by: string): string =>
      `${name} = ${dialect.binary[operations[fn]](name, by, value.dtype, value)};`;
    code.lines.push(dialect.variable(value.dtype, name, start));
    passes.over(scope, (inner) => code.lines.push(step(of(inner))));
    passes.join([{ name, type: value.dtype, start }], ([other]) => step(other!));
    return name;
  };
  const each = (inner: Scope): string => valueOf(code, inner, value);
  const finish = (name: string): void => void scope.names.set(stage.result, name);
  switch (stage.fn) {
    case "sum":
    case "prod":
    case "max":
      return finish(fold(stage.fn, each));
    case "logsumexp": {
      const top = fold("max", each);
      const infinite = `abs(${top}) == ${dialect.constant("f32", Infinity)}`;
      const shift = code.fresh("r");
      code.lines.push(dialect.value("f32", shift, dialect.select(infinite, dialect.constant("f32", 0), top)));
      const sum = fold("sum", (inner) => {
        const difference = code.fresh("v");
        code.lines.push(dialect.value("f32", difference, `${each(inner)} - ${shift}`));
        return dialect.unary.exp(difference, "f32");
      });
      const result = code.fresh("r");
      code.lines.push(
        dialect.value(
          "f32",
          result,
          dialect.select(infinite, top, `${top} + ${dialect.unary.log(sum, "f32")}`),
        ),
      );
      return finish(result);
    }
    case "argmax":
      return finish(writeArgmax(code, scope, stage, value, passes));
    default:
      return stage.fn satisfies never;
  }
}

type Fold = Exclude<ReduceFunction, "logsumexp" | "argmax">;

const starts: Readonly<Record<Fold, number>> = { sum: 0, prod: 1, max: -Infinity };
const operations = { sum: "add", prod: "mul", max: "max" } as const;

/** The lowest index among equals, whatever thread found it. */
function writeArgmax(
  code: Code,
  scope: Scope,
  stage: ReduceStage,
  value: Expression,
  passes: Passes,
): string {
  const { dialect } = code.target;
  const best = code.fresh("r");
  const where = code.fresh("r");
  const start = dialect.constant("f32", -Infinity);
  code.lines.push(dialect.variable("f32", best, start), dialect.variable("i32", where, "0"));
  passes.over(scope, (inner) => {
    const x = valueOf(code, inner, value);
    const position = nameOf(inner, stage.loops[0]!.variable);
    code.lines.push(`if (${x} > ${best}) { ${best} = ${x}; ${where} = ${position}; }`);
  });
  passes.join(
    [
      { name: best, type: "f32", start },
      { name: where, type: "i32", start: "0" },
    ],
    ([x, position]) =>
      `if (${x} > ${best} || (${x} == ${best} && ${position} < ${where})) { ${best} = ${x}; ${where} = ${position}; }`,
  );
  return where;
}
