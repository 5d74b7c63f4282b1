/**
 * Expressions to documents. Spacing is canonical, parentheses are as written: they mean something to modifiers.
 *
 * A long pipeline breaks before each `>>`, a long choice before each `else`, a long operation before each operator of
 * its loosest precedence, and a call after its opening parenthesis.
 */
import type { Argument, AxisEntry, Expression, Identifier } from "./ast.ts";
import { precedences } from "./build-expression.ts";
import { group, indent, join, layout, line, softLine, type Doc } from "./layout.ts";
import { makeRemarks, type Remarks } from "./remarks.ts";

/** On one line, for messages. */
export const printExpression = (value: Expression): string =>
  layout(expressionDoc(value, makeRemarks({ comments: [], lineStarts: [0] })), Infinity, 0);

export function expressionDoc(value: Expression, remarks: Remarks): Doc {
  switch (value.kind) {
    case "number":
      return value.text;
    case "string":
      return `"${value.value}"`;
    case "name":
      return value.name;
    case "length":
      return `|${value.of.name}|`;
    case "unary":
      return [value.operator === "not" ? "not " : "-", expressionDoc(value.operand, remarks)];
    case "binary":
      return operationDoc(value, remarks);
    case "if":
      return choiceDoc(value, remarks);
    case "pipe": {
      const [first, ...others] = value.stages;
      return group(expressionDoc(first!, remarks), indent(stageDocs(first!.span.end, others, remarks)));
    }
    case "call": {
      const callee = expressionDoc(value.callee, remarks);
      const binders = value.binders.length === 0 ? "" : `${namesOf(value.binders)}: `;
      const list = value.arguments.map((argument) => [argument, argumentDoc] as const);
      return [callee, listDoc("(", list, ")", value.callee.span.end, value.span.end, remarks, binders)];
    }
    case "index": {
      const operand = expressionDoc(value.operand, remarks);
      const indices = join(
        value.indices.map((index) => indexDoc(index, remarks)),
        ", ",
      );
      const filler = value.filler === null ? [] : [" | ", expressionDoc(value.filler, remarks)];
      return [operand, "[", indices, ...filler, "]"];
    }
    case "list": {
      const items = value.items.map((item) => expressionDoc(item, remarks));
      return ["[", join(items, ", "), "]"];
    }
    case "parenthesised":
      return ["(", expressionDoc(value.value, remarks), ")"];
  }
  return value satisfies never;
}

function stageDocs(end: number, stages: readonly Expression[], remarks: Remarks): Doc {
  let last = end;
  return stages.map((stage) => {
    const comments = remarks.between(last, stage.span.start);
    last = stage.span.end;
    return [comments, line, ">> ", expressionDoc(stage, remarks)];
  });
}

/** `a + b - c` is one group, though its tree leans to the left. */
function operationDoc(value: Expression & { kind: "binary" }, remarks: Remarks): Doc {
  if (value.operator === "^") {
    const base = expressionDoc(value.left, remarks);
    return [base, "^", expressionDoc(value.right, remarks)];
  }
  const precedence = precedences[value.operator];
  const links: (Expression & { kind: "binary" })[] = [];
  let first: Expression = value;
  while (first.kind === "binary" && precedences[first.operator] === precedence) {
    links.unshift(first);
    first = first.left;
  }
  const start = expressionDoc(first, remarks);
  const rest = links.map(({ left, operator, right }) => {
    const comments = remarks.between(left.span.end, right.span.start);
    return [comments, line, `${operator} `, expressionDoc(right, remarks)];
  });
  return group(start, indent(rest));
}

/** `if … then … else if … then … else …` is one group too. */
function choiceDoc(value: Expression & { kind: "if" }, remarks: Remarks): Doc {
  const parts: Doc[] = [];
  let choice: Expression = value;
  while (choice.kind === "if") {
    const condition = expressionDoc(choice.condition, remarks);
    const then = expressionDoc(choice.then, remarks);
    const comments = remarks.between(choice.then.span.end, choice.else.span.start);
    parts.push(group("if ", condition, line, "then ", then), comments, line, "else ");
    choice = choice.else;
  }
  return group(indent(parts, expressionDoc(choice, remarks)));
}

/** In an index `t-1` stands close, as in the papers; anything longer is spaced. */
function indexDoc(index: Expression, remarks: Remarks): Doc {
  if (index.kind === "binary" && (index.operator === "-" || index.operator === "+")) {
    const { left, right } = index;
    const simple = left.kind === "name" && (right.kind === "number" || right.kind === "name");
    if (simple) return [expressionDoc(left, remarks), index.operator, expressionDoc(right, remarks)];
  }
  return expressionDoc(index, remarks);
}

const argumentDoc = ({ name, value }: Argument, remarks: Remarks): Doc =>
  name === null ? expressionDoc(value, remarks) : [`${name.name} = `, expressionDoc(value, remarks)];

export const argumentsDoc = (list: readonly Argument[], end: number, remarks: Remarks): Doc =>
  listDoc(
    "(",
    list.map((argument) => [argument, argumentDoc] as const),
    ")",
    list[0]?.span.start ?? end,
    end,
    remarks,
  );

const namesOf = (names: readonly Identifier[]): string => names.map(({ name }) => name).join(", ");

// ---- lists ------------------------------------------------------------------------------------------------

interface Placed {
  readonly span: { readonly start: number; readonly end: number };
}

/** A bracketed list, from `start` (where what precedes it ended) to `end`. */
export function listDoc<Item extends Placed>(
  open: string,
  items: readonly (readonly [Item, (item: Item, remarks: Remarks) => Doc])[],
  close: string,
  start: number,
  end: number,
  remarks: Remarks,
  prefix = "",
): Doc {
  if (items.length === 0) return open + close;
  let last = start;
  const docs = items.map(([item, print], i): Doc => {
    const comments = remarks.between(last, item.span.start);
    last = item.span.end;
    return [
      comments,
      i === 0 ? [softLine, prefix] : line,
      print(item, remarks),
      i < items.length - 1 ? "," : "",
    ];
  });
  return group(open, indent(docs, remarks.between(last, end)), softLine, close);
}

export const axesDoc = (axes: readonly AxisEntry[], end: number, remarks: Remarks): Doc =>
  listDoc(
    "[",
    axes.map((axis) => [axis, axisDoc] as const),
    "]",
    axes[0]?.span.start ?? end,
    end,
    remarks,
  );

function axisDoc({ name, size }: AxisEntry, remarks: Remarks): Doc {
  if (name === null) return size === null ? "" : expressionDoc(size, remarks);
  return size === null ? name.name : [`${name.name}: `, expressionDoc(size, remarks)];
}
