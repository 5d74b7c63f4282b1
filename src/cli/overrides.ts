/**
 * Settings of `train { … }` from the command line. They are written into the program's text before it is compiled, so
 * that they mean the very same as in the program, and the package holds what was in force. A setting that is replaced
 * becomes blanks: all places in the text stay where they are.
 */
import type { Program } from "../parser/ast.ts";
import { parse } from "../parser/parse.ts";
import { trainSettings } from "../parser/settings.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { SourceFile } from "./compile-file.ts";
import { misuse } from "./failure.ts";
import type { Assignments } from "./options.ts";

/** Takes a setting out. */
const none = "none";

export function override({ file, source }: SourceFile, program: Program, settings: Assignments): SourceFile {
  for (const [key, value] of Object.entries(settings)) checkSetting(key, value);
  const written = program.statements
    .flatMap((statement) => (statement.kind === "train" ? statement.settings : []))
    .filter((setting) => settings[setting.key.name] !== undefined);
  const blanked = written.reduce(
    (text, { span: { start, end } }) =>
      text.slice(0, start) + text.slice(start, end).replace(/[^\n\r]/gu, " ") + text.slice(end),
    source,
  );
  const added = Object.entries(settings)
    .filter(([, value]) => value !== none)
    .map(([key, value]) => `${key} ${value}`);
  return { file, source: added.length === 0 ? blanked : `${blanked}\ntrain { ${added.join("  ")} }\n` };
}

function checkSetting(key: string, value: string): void {
  if (!trainSettings.has(key)) {
    const near = nearest(key, trainSettings.keys());
    throw misuse(
      `\`--set ${key}\`: \`train\` has no setting \`${key}\`.`,
      near === null ? `It has ${[...trainSettings.keys()].join(", ")}.` : `Did you mean \`${near}\`?`,
    );
  }
  if (value === none) return;
  const { diagnostics, program } = parse(`train { ${key} ${value} }`, "--set");
  const [statement] = program.statements;
  const alone = statement?.kind === "train" && statement.settings.length === 1;
  const [first] = diagnostics;
  if (first !== undefined) throw misuse(`\`--set ${key}=${value}\`: ${first.message}`, first.hint);
  if (!alone) throw misuse(`\`--set ${key}=${value}\` sets more than \`${key}\`.`);
}
