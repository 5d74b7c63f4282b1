/** `rnnc explain`: a layer with its equations as the standard library writes them, or a diagnostic with its mend. */
import { type Command } from "commander";
import type { DefinitionStatement, Parameter } from "../../parser/ast.ts";
import { Failure } from "../failure.ts";
import { colorsFor, say, wantsColor } from "../output.ts";

export function addExplain(program: Command): void {
  program
    .command("explain")
    .summary("what a layer, a word or an error means")
    .description(
      "Explains a layer (its equations and options), a word of the language (what it means, with an example), or the code of an error (with a program that has it, and the program mended). Without an argument it lists everything that it can explain.",
    )
    .argument("[WORD|CODE]", "what to explain, such as `lstm`, `bidir`, `train` or `unknown-name`")
    .action(explain);
}

async function explain(asked: string | undefined): Promise<void> {
  const { catalogue } = await import("../../diagnostics/catalogue.ts");
  const { builtins } = await import("../explain-builtins.ts");
  const { words } = await import("../explain-words.ts");
  const own = { ...words, ...builtins };
  const definitions = await libraryDefinitions();
  if (asked === undefined) return listAll([...definitions.keys()], Object.keys(own), Object.keys(catalogue));
  const colors = colorsFor(process.stdout);
  const name = asked.replace(/^(?:error|warning)\[(.*)\]$/u, "$1");
  const entry = Object.entries(catalogue).find(([code]) => code === name)?.[1];
  const definition = definitions.get(name);
  const word = Object.hasOwn(own, name) ? own[name] : undefined;
  if (entry !== undefined) {
    say(`${colors.bold(`${entry.severity}[${name}]`)}\n\n${entry.about}`);
    say(`\n${colors.dim("# wrong")}\n${entry.example}\n\n${await messageOf(name, entry.example)}`);
    say(`${colors.dim("# right")}\n${entry.mend}`);
  }
  if (definition !== undefined) showDefinition(definition);
  // `cosine` is a schedule beside the function of the library.
  if (word !== undefined && (definition === undefined || Object.hasOwn(words, name)))
    say(
      `${definition ? "\n" : ""}${colors.bold(name)}  ${colors.dim(word.kind)}\n\n${word.about}\n\n${word.example.replace(/^/gmu, "  ")}`,
    );
  if (entry ?? definition ?? word) return;
  const { nearest } = await import("../../diagnostics/nearest.ts");
  const near = nearest(name, [...definitions.keys(), ...Object.keys(own), ...Object.keys(catalogue)]);
  throw new Failure(
    `\`${name}\` is neither a word of the language nor the code of an error.`,
    near === null ? "`rnnc explain` alone lists them all." : `Did you mean \`${near}\`?`,
  );
}

interface Definition {
  readonly statement: DefinitionStatement;
  readonly file: string;
  /** The definition as the library writes it. */
  readonly text: string;
  /** The comment above it. */
  readonly about: string;
}

/** What the compiler says of a wrong program: the example's own message, not a template. */
async function messageOf(code: string, source: string): Promise<string> {
  const { check } = await import("../../compile/check.ts");
  const { render } = await import("../../diagnostics/render.ts");
  const assume = code !== "size-from-data" && code !== "unknown-size";
  const { diagnostics, sources } = check(source, "example.rnn", { assume });
  const found = diagnostics.find((diagnostic) => diagnostic.code === code);
  return found ? `${render(found, sources, { color: wantsColor(process.stdout) })}\n` : "";
}

async function libraryDefinitions(): Promise<ReadonlyMap<string, Definition>> {
  const { standardLibrary } = await import("../../std/library.ts");
  const found = new Map<string, Definition>();
  for (const { file, source, program } of standardLibrary())
    for (const statement of program.statements)
      if (statement.kind === "fn" || statement.kind === "cell" || statement.kind === "loss") {
        const { start, end } = statement.span;
        const about = commentAbove(source.slice(0, start));
        found.set(statement.name.name, { statement, file, text: source.slice(start, end), about });
      }
  return found;
}

/** The lines of comment that end directly before a definition. */
function commentAbove(before: string): string {
  const lines = before.replace(/\n$/u, "").split("\n");
  const from = lines.findLastIndex((line) => !line.startsWith("#")) + 1;
  return lines
    .slice(from)
    .map((line) => line.replace(/^#\s?/u, ""))
    .join("\n");
}

const kinds = {
  fn: "a function",
  cell: "a recurrent layer",
  loss: "a loss, and as the last stage an output layer",
};

function showDefinition({ statement, file, text, about }: Definition): void {
  const colors = colorsFor(process.stdout);
  const kind = statement.kind === "fn" && statement.options !== null ? "a stage" : kinds[statement.kind];
  say(`${colors.bold(statement.name.name)}  ${colors.dim(`${kind}, from ${file}`)}`);
  if (about !== "") say(`\n${about}`);
  const options = statement.options ?? [];
  if (options.length > 0)
    say(`\n${colors.bold("Options")}\n${options.map((option) => `  ${optionText(option)}`).join("\n")}`);
  say(`\n${colors.bold("Definition")}\n${text.replace(/^/gmu, "  ")}`);
}

function optionText({ name, choices, default: value }: Parameter): string {
  if (choices !== null && choices.length === 0) return `${name.name}  a flag`;
  const among = choices === null ? "" : `  one of ${choices.map((choice) => choice.name).join(", ")}`;
  const text = value === null ? "" : defaultText(value);
  return `${name.name}${among}${text === "" ? "" : `  default ${text}`}`;
}

function defaultText(value: NonNullable<Parameter["default"]>): string {
  switch (value.kind) {
    case "number":
      return value.text;
    case "name":
      return value.name;
    case "string":
      return JSON.stringify(value.value);
    default:
      return "";
  }
}

function listAll(defined: readonly string[], built: readonly string[], codes: readonly string[]): void {
  const colors = colorsFor(process.stdout);
  const show = (title: string, names: readonly string[]) =>
    say(`${colors.bold(title)}\n${wrap([...new Set(names)].sort(), 96)}\n`);
  show("Defined in the standard library", defined);
  show(
    "Words of the language",
    built.filter((name) => !defined.includes(name)),
  );
  show("Errors and warnings", codes);
}

function wrap(names: readonly string[], width: number): string {
  const lines = [""];
  for (const name of names) {
    if (lines.at(-1)!.length + name.length + 3 > width) lines.push("");
    lines.push(`${lines.pop()!}  ${name}`);
  }
  return lines.join("\n");
}
