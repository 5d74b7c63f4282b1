/** What a program says, without where it says it: for comparing programs. */
const places = new Set(["span", "pathSpan", "headerSpan", "lineStarts"]);

export function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !places.has(key));
  return Object.fromEntries(kept.map(([key, child]) => [key, strip(child)]));
}
