/**
 * The canonical text of a program, for `rnnc fmt`.
 *
 * Spacing and line breaks inside a statement are canonical. What the author meant by layout stays: statements on one
 * line, blocks written on one line, blank lines between groups (one at most), and comments in their places.
 * `print(parse(text))` is a fixed point, and parses to the same program.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type {
  BodyStatement,
  DataType,
  DefinitionStatement,
  Expression,
  Parameter,
  Program,
  Setting,
  SettingsStatement,
  Span,
  StateDeclaration,
  Statement,
} from "./ast.ts";
import { columns, group, indent, layout, line, widthOf, type Doc } from "./layout.ts";
import { parse } from "./parse.ts";
import { argumentsDoc, axesDoc, expressionDoc, listDoc } from "./print-expression.ts";
import { printSequence } from "./print-sequence.ts";
import { makeRemarks, type Remarks } from "./remarks.ts";

const step = 2;

/** A program with errors is left as it is. */
export function format(source: string, file: string): { text: string; diagnostics: Diagnostic[] } {
  const { program, diagnostics } = parse(source, file);
  const broken = diagnostics.some(({ severity }) => severity === "error");
  return { text: broken ? source : print(program), diagnostics };
}

export function print(program: Program): string {
  const remarks = makeRemarks(program);
  const print = (statement: Statement) => printStatement(statement, remarks);
  const { lines } = printSequence(program.statements, print, Infinity, 0, remarks);
  return lines.map((text) => `${text}\n`).join("");
}

function printStatement(statement: Statement, remarks: Remarks): string {
  switch (statement.kind) {
    case "import":
      return `import "${statement.path}"`;
    case "input":
    case "target":
      return set([`${statement.kind} ${statement.name.name} : `, typeDoc(statement.type, remarks)]);
    case "let":
    case "net": {
      const keyword = statement.bare ? "" : `${statement.kind} `;
      return set([`${keyword}${statement.name.name} = `, expressionDoc(statement.value, remarks)]);
    }
    case "fn":
    case "cell":
    case "loss":
      return printDefinition(statement, remarks);
    case "output":
      return set([`output ${statement.name.name}`, startDoc(statement.value, remarks)]);
    case "minimize": {
      const net = statement.net === null ? "" : `${statement.net.name} : `;
      return set([`minimize ${net}`, expressionDoc(statement.value, remarks)]);
    }
    case "train":
    case "decode":
      return printSettings(statement, remarks);
    case "pipeline":
      return set(expressionDoc(statement.value, remarks));
    case "param":
      return printBodyStatement(statement, 0, remarks);
  }
  return statement satisfies never;
}

const set = (doc: Doc, margin = 0): string => layout(doc, columns, margin);

const startDoc = (start: Expression | null, remarks: Remarks): Doc =>
  start === null ? "" : [" = ", expressionDoc(start, remarks)];

function typeDoc({ base, vocabulary, axes, span }: DataType, remarks: Remarks): Doc {
  const size = vocabulary === null ? "" : ["(", expressionDoc(vocabulary, remarks), ")"];
  return [base, size, axes.length === 0 ? "" : axesDoc(axes, span.end, remarks)];
}

const shapedDoc = ({ name, axes, start, span }: StateDeclaration, remarks: Remarks): Doc => [
  name.name,
  axes.length === 0 ? "" : axesDoc(axes, start?.span.start ?? span.end, remarks),
  startDoc(start, remarks),
];

// ---- definitions ------------------------------------------------------------------------------------------

function printDefinition(definition: DefinitionStatement, remarks: Remarks): string {
  const { kind, name, options, inputs, body, headerSpan, span } = definition;
  const inputsStart = inputs[0]?.span.start ?? headerSpan.end;
  // In the order of the text, since comments are handed out in it.
  const first = options === null ? "" : [parametersDoc(options, inputsStart, remarks), " "];
  const lists = [first, parametersDoc(inputs, headerSpan.end, remarks)];
  const header = set([`${kind} ${name.name}`, lists, " {"]);
  const print = (statement: BodyStatement) => printBodyStatement(statement, step, remarks);
  return block(header, headerSpan.end, body, print, span, "   ", remarks);
}

/** Takes the comments up to `end`. */
const parametersDoc = (parameters: readonly Parameter[], end: number, remarks: Remarks): Doc => {
  const list = parameters.map((parameter) => [parameter, parameterDoc] as const);
  return listDoc("(", list, ")", parameters[0]?.span.start ?? end, end, remarks);
};

function parameterDoc({ name, choices, axes, default: start, span }: Parameter, remarks: Remarks): Doc {
  const shape = axes === null ? "" : axesDoc(axes, start?.span.start ?? span.end, remarks);
  const words = choices?.map((choice) => choice.name).join(" | ");
  const kinds = words === undefined ? "" : `: ${words === "" ? "flag" : words}`;
  return [name.name, shape, kinds, startDoc(start, remarks)];
}

function printBodyStatement(statement: BodyStatement, margin: number, remarks: Remarks): string {
  switch (statement.kind) {
    case "param":
      return set(["param ", shapedDoc(statement, remarks)], margin);
    case "state": {
      let end = statement.span.start;
      const list = statement.states.map((state, i): Doc => {
        const comments = i === 0 ? "" : remarks.between(end, state.span.start);
        end = state.span.end;
        return [i === 0 ? "" : [",", comments, line], shapedDoc(state, remarks)];
      });
      return set(group("state ", indent(list)), margin);
    }
    case "equation": {
      const { name, axes, value } = statement;
      const shape = axes === null ? "" : axesDoc(axes, value.span.start, remarks);
      return set([name.name, shape, " = ", expressionDoc(value, remarks)], margin);
    }
    case "return":
    case "predict":
      return set([`${statement.kind} `, expressionDoc(statement.value, remarks)], margin);
  }
  return statement satisfies never;
}

// ---- blocks -----------------------------------------------------------------------------------------------

function printSettings({ kind, settings, span }: SettingsStatement, remarks: Remarks): string {
  const print = (setting: Setting) => printSetting(setting, remarks);
  return block(`${kind} {`, span.start, settings, print, span, "  ", remarks);
}

function printSetting({ key, arguments: list, values, span }: Setting, remarks: Remarks): string {
  const end = values[0]?.span.start ?? span.end;
  const called = list === null ? "" : argumentsDoc(list, end, remarks);
  return set([key.name, called, values.map((value) => [" ", expressionDoc(value, remarks)])], step);
}

/** On one line if it was written so and fits, else one row a line. */
function block<Item extends { readonly span: Span }>(
  header: string,
  headerEnd: number,
  items: readonly Item[],
  print: (item: Item) => string,
  span: Span,
  separator: string,
  remarks: Remarks,
): string {
  const beside = remarks.atEndOfLine(headerEnd, items[0]?.span.start ?? span.end);
  const { lines, texts } = printSequence(items, print, span.end, step, remarks);
  if (lines.length === 0 && beside === null) return `${header}}`;
  const onOneLine = remarks.lineOf(span.start) === remarks.lineOf(span.end - 1);
  const short = [header, texts.join(separator), "}"].join(" ");
  if (onOneLine && !short.includes("\n") && widthOf(short) <= columns) return short;
  const comments = beside === null ? [] : [beside.text];
  const width = widthOf(header.split("\n").at(-1)!) + 2 + widthOf(comments.join(""));
  const head = width <= columns ? [[header, ...comments].join("  ")] : [header, ...comments.map(inset)];
  const rest = onOneLine ? texts.flatMap((text) => text.split("\n")) : lines;
  return [...head, ...rest.map(inset), "}"].join("\n");
}

const inset = (text: string): string => (text === "" ? "" : " ".repeat(step) + text);
