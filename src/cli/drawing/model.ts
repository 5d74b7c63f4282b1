/**
 * A program's outline with what the compiler infers. Each stage's shape and parameters are asked of the compiler: a check
 * of the program with one more output, the pipeline up to that stage. Sizes that only the data tell stay names.
 */
import { check } from "../../compile/check.ts";
import { modifiers } from "../../elaborate/layers.ts";
import type { Model } from "../../elaborate/program.ts";
import type { Program, Span, Statement } from "../../parser/ast.ts";
import { standardLibrary } from "../../std/library.ts";
import { programFailure, readImport, showDiagnostics, type SourceFile } from "../compile-file.ts";
import { openSizes, refuseUnusedSizes } from "../open-sizes.ts";
import type { Sizes } from "../options.ts";
import { stageName } from "./expressions.ts";
import { outlineOf, pipesOf, type Outline } from "./outline.ts";

/** Stand for sizes that only the data tell: no program has features this wide, and no sum of a few is another. */
const firstMarker = 1_000_003;
const markerStep = 100_019;

export function outlineModel(source: SourceFile, dims: Sizes): Outline {
  const examine = (text: string, sizes: Sizes) =>
    check(text, source.file, { dims: sizes, assume: true, imports: readImport });
  const { diagnostics, sources, model, main } = examine(source.source, dims);
  showDiagnostics(diagnostics, sources);
  if (model === null) throw programFailure(source.file, diagnostics);
  const { program } = main;
  refuseUnusedSizes("--dim", dims, openSizes(model, program));
  const markers = markersOf(model, program, dims);
  const sizes = { ...dims, ...Object.fromEntries(markers) };
  const shapes = new Map<string, string>();
  const learned = new Map<string, readonly string[]>();
  let before: readonly string[] = [];
  for (const { text, span, first } of prefixesOf(program, source.source)) {
    const found = examine(text, sizes).model;
    const result = found?.results.find(({ name }) => name === probe);
    if (!found || !result) continue;
    const parameters = found.parameters.map(({ name }) => name);
    // What other statements learn is in every prefix; what a pipeline's first stage learns bears the probe's name.
    const own = first
      ? parameters.filter((name) => name.startsWith(`${probe}.`))
      : parameters.filter((name) => !before.includes(name));
    shapes.set(key(span), shapeText(result.value, markers));
    learned.set(key(span), lastParts(own));
    before = parameters;
  }
  const results = examine(source.source, sizes).model?.results ?? [];
  const all = model.parameters.map(({ name }) => name);
  return outlineOf(program, source.source, {
    ...libraryNames(),
    modifiers: new Set([...Object.keys(modifiers), "recurrent_dropout"]),
    shapeAt: (span) => shapes.get(key(span)) ?? "",
    parametersAt: (span) => learned.get(key(span)) ?? [],
    parametersOf: (layer) => lastParts(all.filter((name) => name.split(".").includes(layer))),
    predictionOf: (target) => {
      const result = results.find((other) => other.target === target);
      return result === undefined ? "" : shapeText(result.value, markers);
    },
  });
}

/** `Wx` of `lstm.i.Wx`, each once. */
const lastParts = (names: readonly string[]): readonly string[] => [
  ...new Set(
    names.map((name) =>
      name
        .replace(/(?:\.\d+)+$/u, "")
        .split(".")
        .at(-1)!,
    ),
  ),
];

const key = ({ start, end }: Span): string => `${start}:${end}`;

function markersOf(model: Model, program: Program, dims: Sizes): ReadonlyMap<string, number> {
  const free = openSizes(model, program).filter((name) => dims[name] === undefined);
  return new Map(free.map((name, k) => [name, firstMarker + k * markerStep]));
}

interface Prefix {
  /** A program that names the value `probe`. */
  readonly text: string;
  readonly span: Span;
  /** Of its pipeline. */
  readonly first: boolean;
}

const probe = "probe_of_this_stage";

/** For each pipeline of the program up to each of its stages, its modifiers included. */
function prefixesOf(program: Program, source: string): readonly Prefix[] {
  const textOf = ({ start, end }: Span): string => source.slice(start, end);
  const implied = !program.statements.some(({ kind }) => kind === "input");
  const before = [
    ...(implied ? ["input x : f32[T, d]"] : []),
    ...program.statements.map((statement) => withoutLosses(statement, textOf)),
  ].join("\n");
  return pipesOf(program).flatMap((stages) =>
    stages.flatMap((stage, k): readonly Prefix[] => {
      const next = stages[k + 1];
      if (next !== undefined && modifiers[stageName(next) ?? ""]) return [];
      const parts = stages.slice(0, k + 1).map(({ span }) => textOf(span));
      const value = [...(implied ? ["x"] : []), ...parts].join(" >> ");
      return [{ text: `${before}\noutput ${probe} = ${value}\n`, span: stage.span, first: k === 0 }];
    }),
  );
}

/**
 * What a prefix may refer to, and nothing that trains: a target that no loss uses, or a parameter that none trains, would
 * be an error of the probe alone.
 */
function withoutLosses(statement: Statement, textOf: (span: Span) => string): string {
  const text = textOf(statement.span);
  switch (statement.kind) {
    case "target":
      return text.replace(/^target/u, "input");
    case "output":
      return statement.value === null ? "" : text.replace(/^output/u, "let");
    case "pipeline":
    case "minimize":
    case "train":
    case "decode":
      return "";
    default:
      return text;
  }
}

function shapeText(value: Model["results"][number]["value"], markers: ReadonlyMap<string, number>): string {
  const feature = value.node.type.axes.find(({ kind }) => kind === "feature");
  const named = value.axes.map(({ name, axis }) =>
    axis.size.kind === "fixed" && name === "" ? sizeText(axis.size.size, markers) : name,
  );
  const own = feature?.size.kind === "fixed" ? [sizeText(feature.size.size, markers)] : [];
  return [...named, ...own].join(" × ");
}

function sizeText(size: number, markers: ReadonlyMap<string, number>): string {
  for (const [name, marker] of markers) {
    if (size === marker) return name;
    if (size % marker === 0) return `${size / marker}·${name}`;
    if (size > marker && size - marker < 100) return `${name} + ${size - marker}`;
  }
  return size >= firstMarker ? "?" : String(size);
}

function libraryNames(): { readonly cells: ReadonlySet<string>; readonly losses: ReadonlySet<string> } {
  const statements = standardLibrary().flatMap(({ program }) => program.statements);
  const named = (kind: "cell" | "loss"): ReadonlySet<string> =>
    new Set(statements.flatMap((statement) => (statement.kind === kind ? [statement.name.name] : [])));
  return { cells: named("cell"), losses: named("loss") };
}
