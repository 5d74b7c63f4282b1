/** A model whose weights alone are more than a module can hold: no batch is small enough for it. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Model } from "../elaborate/program.ts";
import { largestBytes } from "../runtime/peak-bytes.ts";

export function reportTooLarge({ parameters }: Model, file: string, diagnostics: Diagnostic[]): void {
  const sized = parameters.map(({ name, axes, site }) => {
    const shape = axes.map(({ size }) => (size.kind === "fixed" ? size.size : 1));
    return { name, site, shape, bytes: shape.reduce((bytes, size) => bytes * size, 4) };
  });
  const bytes = sized.reduce((sum, parameter) => sum + parameter.bytes, 0);
  if (bytes <= largestBytes) return;
  const largest = sized.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const reporter = makeReporter(largest.site?.file ?? file, diagnostics);
  reporter.report("parameters-too-large", largest.site?.span ?? { start: 0, end: 0 }, {
    size: gigabytes(bytes),
    most: gigabytes(largestBytes),
    largest: largest.name,
    shape: largest.shape.join(" × "),
  });
}

const gigabytes = (bytes: number): string =>
  `${(bytes / 1e9).toLocaleString("en", { maximumFractionDigits: 1 })} GB`;
