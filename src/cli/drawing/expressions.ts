/** Looking into expressions: their parts, the names they read, the stage they call. */
import type { Expression } from "../../parser/ast.ts";

export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "number":
    case "string":
    case "name":
    case "length":
      return [];
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
    case "if":
      return [expression.condition, expression.then, expression.else];
    case "pipe":
      return expression.stages;
    case "call":
      return [expression.callee, ...expression.arguments.map(({ value }) => value)];
    case "index":
      return [expression.operand, ...expression.indices, ...(expression.filler ? [expression.filler] : [])];
    case "parenthesised":
      return [expression.value];
    default:
      return expression satisfies never;
  }
}

/** All names that an expression mentions, each once. */
export function namesIn(expression: Expression): readonly string[] {
  const own = expression.kind === "name" ? [expression.name] : [];
  return [...new Set([...own, ...childrenOf(expression).flatMap(namesIn)])];
}

/** `lstm` of `lstm` and of `lstm(128)`. */
export function stageName(expression: Expression): string | null {
  if (expression.kind === "name") return expression.name;
  if (expression.kind === "call" && expression.callee.kind === "name") return expression.callee.name;
  return null;
}
