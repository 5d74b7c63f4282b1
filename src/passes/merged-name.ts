/** What several parameters side by side are called: `lstm.{i,f}.Wx` for `lstm.i.Wx` and `lstm.f.Wx`. */
export function mergedName(names: readonly string[]): string {
  const paths = names.map((name) => name.split("."));
  const shortest = Math.min(...paths.map((p) => p.length));
  const same = (at: (path: readonly string[]) => string | undefined): boolean =>
    paths.every((path) => at(path) === at(paths[0]!));
  let before = 0;
  while (before < shortest - 1 && same((path) => path[before])) before++;
  let after = 0;
  while (after < shortest - 1 - before && same((path) => path.at(-1 - after))) after++;
  const middle = paths.map((path) => path.slice(before, path.length - after).join("."));
  const [first] = paths as [string[]];
  return [...first.slice(0, before), `{${middle.join(",")}}`, ...first.slice(first.length - after)].join(".");
}
