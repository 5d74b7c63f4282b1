/** Looking into expressions: the names they read, the stage they call. */
import type { Expression } from "../../parser/ast.ts";
import { partsOf } from "../../parser/expression-parts.ts";

/** All names that an expression mentions, each once. */
export function namesIn(expression: Expression): readonly string[] {
  const own = expression.kind === "name" ? [expression.name] : [];
  return [...new Set([...own, ...partsOf(expression).flatMap(namesIn)])];
}

/** `lstm` of `lstm` and of `lstm(128)`. */
export function stageName(expression: Expression): string | null {
  if (expression.kind === "name") return expression.name;
  if (expression.kind === "call" && expression.callee.kind === "name") return expression.callee.name;
  return null;
}
