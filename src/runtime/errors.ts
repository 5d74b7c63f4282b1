/**
 * What the runtime says when data or weights are wrong: one class, so that callers can tell it from faults of their
 * own. A message names the place (`audio[3]`), what was wanted and what was found.
 */
export class RnncError extends Error {
  override readonly name = "RnncError";
}

export function fail(message: string): never {
  throw new RnncError(message);
}

/** A value in a message: short, and telling 3 from "3". */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (ArrayBuffer.isView(value)) return value.constructor.name;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** At most ten names in backquotes. */
export function names(list: readonly string[]): string {
  const some = list.slice(0, 10).map((name) => `\`${name}\``);
  return some.join(", ") + (list.length > 10 ? ` and ${list.length - 10} more` : "");
}
