import type { Expression } from "./ast.ts";

/** The expressions that one is made of, in the order of the source. */
export function partsOf(expression: Expression): readonly Expression[] {
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
      return [expression.callee, ...expression.arguments.map((a) => a.value)];
    case "index":
      return [expression.operand, ...expression.indices, ...(expression.filler ? [expression.filler] : [])];
    case "list":
      return expression.items;
    case "parenthesised":
      return [expression.value];
    default:
      return expression satisfies never;
  }
}

/** The expression and all within it, outer before inner. */
export function* within(expression: Expression): Generator<Expression> {
  yield expression;
  for (const part of partsOf(expression)) yield* within(part);
}
