/** The table of `rnnc check --gradients`: for each parameter how far the gradients are apart. */
import type { GradientRow } from "../compile/check-gradients.ts";
import { Failure } from "./failure.ts";
import type { Sizes } from "./options.ts";
import { colorsFor, table } from "./output.ts";
import { readImport, type SourceFile } from "./compile-file.ts";

export interface ComparedRow extends GradientRow {
  readonly ok: boolean;
}

export async function compareGradients(
  { file, source }: SourceFile,
  dims: Sizes,
): Promise<{ readonly ok: boolean; readonly rows: readonly ComparedRow[]; readonly text: string }> {
  const { checkGradients, gradientLimits } = await import("../compile/check-gradients.ts");
  const found = await checkGradients(source, file, { dims, assume: true, imports: readImport });
  if (found === null) throw new Failure(`\`${file}\` has no loss, so there are no gradients to check.`);
  const rows = found.map((row): ComparedRow => ({
    ...row,
    ok: row.differences <= gradientLimits.differences && row.module <= gradientLimits.module,
  }));
  if (rows.length === 0) return { ok: true, rows, text: "  no parameters, so no gradients to compare" };
  const colors = colorsFor(process.stdout);
  const shown = (error: number): string => error.toExponential(1);
  const text = table([
    ["parameter", "shape", "differences", "module", ""].map((title) => colors.dim(title)),
    ...rows.map(({ parameter, shape, differences, module, ok }) => [
      parameter,
      shape.join(" × "),
      shown(differences),
      shown(module),
      ok ? colors.green("good") : colors.red("wrong"),
    ]),
  ]);
  return { ok: rows.every(({ ok }) => ok), rows, text };
}
