/**
 * Draws: fragment shaders that pull. A fragment is one element of its targets; it finds the points at which a statement
 * stores there, and computes what is stored. Indices that are a variable of the statement's loops, give or take a constant,
 * are solved; other indices (of a scatter) are tried at every point of the loops that are left.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { load } from "../../ir/kernel/build.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Loop,
  Product,
  Stage,
  Variable,
} from "../../ir/kernel/types.ts";
import { expressions, root } from "../../ir/kernel/walk.ts";
import type { TextureInfo } from "../../runtime/tfjs/program.ts";
import {
  type Code,
  extentText,
  makeCode,
  nest,
  openScope,
  type Scope,
  settle,
  type Target,
  valueOf,
} from "./code.ts";
import { glsl, glslHelpers } from "./glsl-dialect.ts";
import { alone, type ReduceStage, writeReduce } from "./reduce.ts";
import { placeOf, texel, texelHelpers } from "./textures.ts";

/** A store as a function of the points of its loops. */
export interface Pull {
  readonly to: Access;
  readonly loops: readonly Loop[];
  readonly accumulate: boolean;
  /** Leaves in the scope what the value needs, and gives the value. */
  readonly value: (code: Code, scope: Scope) => string;
}

type StoreStage = Extract<Stage, { kind: "store" }>;

export const pullOfStage = (kernel: Kernel, stage: StoreStage): Pull => ({
  to: stage.to,
  loops: [...kernel.loops, ...stage.loops],
  accumulate: stage.accumulate,
  value: (code, scope) => {
    for (const reduce of reducesOf(kernel, stage)) {
      if (scope.names.has(reduce.result)) continue;
      settle(code, scope, [reduce.value], new Set(reduce.loops.map((l) => l.variable)));
      writeReduce(code, scope, reduce, alone(code, reduce));
    }
    return valueOf(code, scope, stage.value);
  },
});

/** The reduce stages whose results a store depends on, in their order. */
function reducesOf({ stages }: Kernel, store: StoreStage): readonly ReduceStage[] {
  const wanted = new Set<Variable>();
  const want = (roots: readonly Expression[]): void => {
    for (const e of expressions(roots)) if (e.kind === "reduced") wanted.add(e.stage);
  };
  want([...store.to.index, store.value]);
  const reduces = stages.filter((s): s is ReduceStage => s.kind === "reduce");
  for (const s of [...reduces].reverse()) if (wanted.has(s.result)) want([s.value]);
  return reduces.filter((s) => wanted.has(s.result));
}

export const pullOfProduct = (product: Product): Pull => ({
  to: product.to,
  loops: [...product.m, ...product.n],
  accumulate: false,
  value: (code, scope) => {
    const total = code.fresh("r");
    const start = product.start ? valueOf(code, scope, load(product.start)) : "0.0";
    code.lines.push(code.target.dialect.variable("f32", total, start));
    nest(code, scope, product.k, (inner) => {
      const [left, right] = [product.left, product.right].map((x) => valueOf(code, inner, load(x)));
      code.lines.push(`${total} += ${left} * ${right};`);
    });
    return total;
  },
});

/** Whole buffers of one geometry, and for each pattern of indices (of a buffer or a part of it) what goes to each of them. */
export interface Targets {
  readonly buffers: readonly Buffer[];
  readonly patterns: readonly (readonly Pull[])[];
}

export interface FragmentOptions {
  readonly program: KernelProgram;
  readonly textures: readonly TextureInfo[];
  readonly time: readonly Loop[];
  readonly guards: readonly Expression[];
  /** Elements that are not stored to keep what they have: see `Draw` of the runtime. */
  readonly aside: boolean;
}

export interface Fragment {
  readonly code: string;
  /** Textures by their place in the program. */
  readonly reads: readonly number[];
}

export function writeFragment({ buffers, patterns }: Targets, options: FragmentOptions): Fragment {
  const { program, textures, time, guards, aside } = options;
  const reads = new Set<number>();
  const indexOf = (buffer: Buffer): number => textures.findIndex((t) => t.name === root(buffer).name);
  const sampler = (buffer: Buffer): string => {
    reads.add(indexOf(buffer));
    return `t${indexOf(buffer)}`;
  };
  const target: Target = {
    dialect: glsl((symbol) => `sizes[${program.symbols.indexOf(symbol)}]`),
    load: ({ buffer }, index) => `texelFetch(${sampler(buffer)}, ${texel({ target }, buffer, index)}, 0).r`,
  };
  const code = makeCode(target);
  const scope = openScope(null);
  time.forEach(({ variable }, k) => scope.names.set(variable, `now.${"xyzw"[k]}`));
  const results = buffers.map((buffer) => {
    const name = code.fresh("r");
    const old = aside ? `texelFetch(${sampler(buffer)}, at, 0).r` : target.dialect.constant(buffer.dtype, 0);
    code.lines.push(target.dialect.variable(buffer.dtype, name, old));
    return name;
  });
  if (!aside) code.lines.push(target.dialect.variable("bool", "stored", "false"));
  for (const g of guards) code.lines.push(`if (${valueOf(code, scope, g)}) {`);
  // Patterns of one part of a flat buffer share where they are in it.
  for (const part of new Set(patterns.map(([first]) => first!.to.buffer))) {
    const place = placeOf(code, part);
    code.lines.push(`if (${place.inside.join(" && ") || "true"}) {`);
    for (const pulls of patterns.filter(([first]) => first!.to.buffer === part))
      writePattern(code, openScope(scope), pulls, place.index, results, aside);
    code.lines.push("}");
  }
  for (const _ of guards) code.lines.push("}");
  if (!aside) code.lines.push("if (!stored) discard;");
  results.forEach((name, k) => code.lines.push(`out${k} = ${name};`));
  return { code: wrap(code, buffers, textures, [...reads], program), reads: [...reads] };
}

/** What stores at one pattern of indices, where the texel matches it. */
function writePattern(
  code: Code,
  scope: Scope,
  pulls: readonly Pull[],
  index: readonly string[],
  results: readonly string[],
  aside: boolean,
): void {
  const { dialect } = code.target;
  const [{ to, loops }] = pulls as [Pull];
  const bound = new Set<Variable>();
  const ranges: string[] = [];
  const tests: { readonly e: Expression; readonly at: string }[] = [];
  to.index.forEach((e, d) => {
    const { base, plus } = shifted(e);
    const loop = base && loops.find((l) => l.variable === base && !bound.has(base));
    if (!loop) return void tests.push({ e, at: index[d]! });
    bound.add(loop.variable);
    const name = code.fresh("i");
    code.lines.push(dialect.value("i32", name, plus === 0 ? index[d]! : `${index[d]} - (${plus})`));
    scope.names.set(loop.variable, name);
    ranges.push(`${name} >= 0`, `${name} < ${extentText(loop.extent, dialect)}`);
  });
  const left = loops.filter((l) => !bound.has(l.variable));
  const free = new Set(left.map((l) => l.variable));
  const isTried = ({ e }: { readonly e: Expression }): boolean =>
    expressions([e]).some((x) => x.kind === "variable" && free.has(x.variable));
  let open = 0;
  const when = (condition: string): void => {
    code.lines.push(`if (${condition}) {`);
    open++;
  };
  if (ranges.length > 0) when(ranges.join(" && "));
  for (const { e, at } of tests.filter((t) => !isTried(t))) when(`${valueOf(code, scope, e)} == ${at}`);
  const store = (inner: Scope): void => {
    const values = pulls.map((p) => p.value(code, inner));
    pulls.forEach(({ accumulate }, k) =>
      code.lines.push(`${results[k]} ${accumulate ? "+=" : "="} ${values[k]};`),
    );
    if (!aside) code.lines.push("stored = true;");
  };
  if (left.length === 0) store(scope);
  else
    nest(code, scope, left, (inner) => {
      const tried = tests.filter(isTried);
      for (const { e, at } of tried) code.lines.push(`if (${valueOf(code, inner, e)} == ${at}) {`);
      store(tried.length > 0 ? openScope(inner) : inner);
      for (const _ of tried) code.lines.push("}");
    });
  code.lines.push("}".repeat(open));
}

/** `v + c` as its parts; no base where it is anything else. */
export function shifted(e: Expression): { readonly base: Variable | null; readonly plus: number } {
  if (e.kind === "variable") return { base: e.variable, plus: 0 };
  if (e.kind === "binary" && e.fn === "add" && e.left.kind === "variable" && e.right.kind === "constant")
    return { base: e.left.variable, plus: e.right.value };
  return { base: null, plus: 0 };
}

function wrap(
  code: Code,
  buffers: readonly Buffer[],
  textures: readonly TextureInfo[],
  reads: readonly number[],
  program: KernelProgram,
): string {
  const text = code.lines.join("\n");
  const uses = (name: string): boolean => new RegExp(`\\b${name}\\b`, "u").test(text);
  const wanted = new Set<string>();
  const want = (name: string): void => {
    const helper = glslHelpers[name];
    if (!helper) throw new CompilerBug(`no function ${name}`);
    helper.calls.forEach(want);
    wanted.add(name);
  };
  Object.keys(glslHelpers).filter(uses).forEach(want);
  const kind = (dtype: "f32" | "i32"): string => (dtype === "f32" ? "sampler2D" : "isampler2D");
  return [
    "#version 300 es",
    "precision highp float; precision highp int; precision highp sampler2D; precision highp isampler2D;",
    `uniform int sizes[${Math.max(1, program.symbols.length)}];`,
    "uniform ivec4 now;",
    "uniform float infinity;",
    "uniform int top;",
    ...[...reads].sort((a, b) => a - b).map((k) => `uniform ${kind(textures[k]!.dtype)} t${k};`),
    ...buffers.map((b, k) => `layout(location = ${k}) out ${b.dtype === "f32" ? "float" : "int"} out${k};`),
    texelHelpers,
    ...[...wanted].map((name) => glslHelpers[name]!.text),
    "void main() {",
    "ivec2 at = ivec2(gl_FragCoord.xy) + ivec2(0, top);",
    text,
    "}",
    "",
  ].join("\n");
}
