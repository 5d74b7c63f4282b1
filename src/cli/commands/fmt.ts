/** `rnnc fmt`: writes programs in their canonical form, or says which are not. */
import { type Command } from "commander";
import { Failure } from "../failure.ts";
import { readText, standardName, writeWhole } from "../files.ts";
import { plural, say, tell } from "../output.ts";

export function addFmt(program: Command): void {
  program
    .command("fmt")
    .summary("format programs in place")
    .description("Writes programs in their canonical form, in place. `-` formats standard input.")
    .argument("<FILE...>", "programs, or -")
    .option("--check", "change nothing; exit 1 if a file is not formatted")
    .action(formatFiles);
}

async function formatFiles(files: readonly string[], { check = false }: { check?: boolean }): Promise<void> {
  const { format } = await import("../../parser/print.ts");
  const { showDiagnostics } = await import("../compile-file.ts");
  let wrong = 0;
  let unformatted = 0;
  for (const path of files) {
    const source = readText(path);
    const file = path === "-" ? standardName : path;
    const { text, diagnostics } = format(source, file);
    showDiagnostics(diagnostics, new Map([[file, source]]));
    const broken = diagnostics.some(({ severity }) => severity === "error");
    if (broken) wrong++;
    else if (check && text !== source) {
      unformatted++;
      say(file);
    } else if (!check && (path === "-" || text !== source)) {
      writeWhole(path, text);
      if (path !== "-") tell(`formatted ${path}`);
    }
  }
  if (wrong > 0)
    throw new Failure(
      `${plural(wrong, "file")} with syntax errors ${wrong === 1 ? "is" : "are"} left as ${wrong === 1 ? "it was" : "they were"}.`,
    );
  if (unformatted > 0)
    throw new Failure(
      `${plural(unformatted, "file")} ${unformatted === 1 ? "is" : "are"} not formatted.`,
      "`rnnc fmt` writes them in their canonical form.",
    );
}
