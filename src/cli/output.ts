/**
 * What is said to people: colours where a terminal shows them (NO_COLOR and FORCE_COLOR honoured), sizes and times in
 * readable units, and tables. Results go to standard output, everything about them to standard error.
 */
import picocolors from "picocolors";

type Stream = NodeJS.WriteStream;
export type Colors = ReturnType<typeof picocolors.createColors>;

export function wantsColor(stream: Stream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && TERM !== "dumb";
}

export const colorsFor = (stream: Stream): Colors => picocolors.createColors(wantsColor(stream));

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export const tell = (line: string): void => void process.stderr.write(`${line}\n`);

export const sayJson = (value: unknown): void => say(JSON.stringify(value, null, 2));

/** `812 B`, `4.1 KB`, `1.3 MB`: powers of 1000, as disks and networks count. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(bytes / 1000 ** power < 10 ? 1 : 0)} ${units[power - 1]}`;
}

/** `48 s`, `3:05`, `2:01:09`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, k) => (k === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** `950`, `12.3k`, `4.1M`. */
export function formatCount(count: number): string {
  if (count < 1000) return count < 10 ? count.toFixed(1) : String(Math.round(count));
  const [scale, unit] = count < 1e6 ? [1e3, "k"] : [1e6, "M"];
  return `${(count / scale).toFixed(1)}${unit}`;
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** Columns padded to their widest cell; the first on the left, the others on the right, unless `left` names them. */
export function table(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, k) => (widths[k] = Math.max(widths[k] ?? 0, visible(cell))));
  const pad = (cell: string, k: number): string => {
    const blank = " ".repeat(widths[k]! - visible(cell));
    return left.includes(k) ? cell + blank : blank + cell;
  };
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd()).join("\n");
}

const visible = (text: string): number => [...text.replace(/\u001b\[\d+m/gu, "")].length;
