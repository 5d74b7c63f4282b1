/** Which folder may import which: read from the source files, so that a shortcut between levels shows at once. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../src");

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts") && statSync(join(root, file)).isFile());

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`, and whether only types cross. */
const statement =
  /^(?:import|export)\s+(type\s+)?(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gmu;

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(statement)].map(([whole, type, named, dynamic]) => {
    const to = (named ?? dynamic)!;
    const target = to.startsWith(".") ? relative(root, join(root, file, "..", to)).replaceAll("\\", "/") : to;
    const names = /\{([^}]*)\}/u
      .exec(whole)?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const typesOnly = names !== undefined && names.every((name) => name.trim().startsWith("type "));
    return { from: file, to: target, typeOnly: type !== undefined || typesOnly };
  });
}

const all = files.flatMap(importsOf);
const isIn = (file: string, folder: string): boolean => file === folder || file.startsWith(`${folder}/`);
const show = ({ from, to, typeOnly }: Import): string => `${from} -> ${to}${typeOnly ? " (types)" : ""}`;

/** The folder that a file belongs to as a part of the compiler; files of the root stand for themselves. */
function folderOf(file: string): string {
  const parts = file.split("/");
  return parts.slice(0, parts[0] === "ir" || parts[0] === "backends" ? 2 : 1).join("/");
}

/** What a folder may import besides itself; `types` only as types. */
interface Rule {
  readonly may: readonly string[];
  readonly types?: readonly string[];
}

const rules: Readonly<Record<string, Rule>> = {
  // A diagnostic points at a place of the text: a span is a type of the parser.
  diagnostics: { may: [], types: ["parser/ast.ts"] },
  parser: { may: ["diagnostics"] },
  "ir/kernel": { may: ["diagnostics", "ir/random.ts"] },
  "ir/graph": { may: ["diagnostics", "ir/random.ts", "ir/kernel"] },
  passes: { may: ["ir", "diagnostics"], types: ["runtime/train-settings.ts"] },
  "backends/wasm": { may: ["ir/kernel", "ir/random.ts", "diagnostics"], types: ["runtime"] },
  "backends/tfjs": {
    may: ["ir/kernel", "diagnostics", "runtime/tfjs/program.ts"],
    types: ["runtime"],
  },
  // Its declarations name the arrays that the runtime lays data out in.
  "backends/package": {
    may: ["diagnostics", "runtime/layout.ts", "runtime/base64.ts"],
    types: ["runtime", "compile/types.ts"],
  },
  // `marginals` is a derivative.
  elaborate: {
    may: ["parser", "ir/graph", "diagnostics", "passes/train-settings.ts", "passes/differentiate.ts"],
  },
  std: { may: ["parser", "diagnostics"] },
  runtime: { may: [] },
};

describe("imports", () => {
  test.each(Object.entries(rules))("%s", (folder, { may, types = [] }) => {
    const wrong = all.filter(
      ({ from, to, typeOnly }) =>
        isIn(from, folder) &&
        files.includes(to) &&
        !isIn(to, folder) &&
        !may.some((other) => isIn(to, other)) &&
        !(typeOnly && types.some((other) => isIn(to, other))),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  test("only the command line touches Node", () => {
    const wrong = all.filter(({ from, to }) => to.startsWith("node:") && !isIn(from, "cli"));
    expect(wrong.map(show)).toEqual([]);
  });

  test("no values go round in circles between folders", () => {
    const edges = new Map<string, Set<string>>();
    for (const { from, to, typeOnly } of all) {
      if (typeOnly || !files.includes(to) || folderOf(from) === folderOf(to)) continue;
      edges.set(folderOf(from), (edges.get(folderOf(from)) ?? new Set()).add(folderOf(to)));
    }
    expect(circles(edges)).toEqual([]);
  });
});

/** The circles of a graph: its strongly connected parts of more than one node (Tarjan 1972). */
function circles(edges: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node)!, low.get(next)!));
    }
    if (low.get(node) !== index.get(node)) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1) found.push(part.sort());
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return found;
}
