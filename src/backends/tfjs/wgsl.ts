/**
 * Statements as WGSL compute shaders. Three schedules:
 *
 * - *points*: a thread for each point (pointwise kernels, products);
 * - *rows*: a workgroup for each point of a kernel whose stages have loops of their own, which its threads share;
 * - *scan*: a workgroup for each example runs a whole time loop, with a barrier between statements that need one (no
 *   barrier spans workgroups). See `wgsl-scan.ts`.
 *
 * All memory is one buffer of 32-bit words, as `runtime/tfjs/program.ts` has it.
 */
import { isConstantSize, panels, place, strides } from "../../ir/kernel/addresses.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Loop,
  MemoryPlan,
  Product,
  Stage,
} from "../../ir/kernel/types.ts";
import { isFixed, load } from "../../ir/kernel/build.ts";
import { loads, stageRoots } from "../../ir/kernel/walk.ts";
import { slotAlignment } from "../../runtime/tfjs/program.ts";
import {
  type Code,
  countText,
  extentText,
  makeCode,
  nest,
  openScope,
  type Scope,
  settle,
  type Target,
  unravel,
  valueOf,
} from "./code.ts";
import { shares } from "./parallel.ts";
import { alone, type Passes, writeReduce } from "./reduce.ts";
import { collide, type Trace, traceOf } from "./threads.ts";
import { wgsl, wgslHelpers } from "./wgsl-dialect.ts";

/** Threads of a workgroup; 256 is what every device has, and a row rarely has work for more than 64. */
export const threads = { points: 64, rows: 64, scan: 256 } as const;

export interface Shader {
  readonly code: string;
  /** What a thread (of `points`) or a workgroup (of the others) is started for. */
  readonly points: readonly Loop[];
  readonly each: number;
}

/** Where words of the uniform `sizes` lie: infinity, the symbols, the bases of slots of varying size. */
function uniformWords(program: KernelProgram): readonly string[] {
  const slots = program.plan!.slots.flatMap(({ size }, k) => (isConstantSize(size) ? [] : [`base${k}`]));
  return ["infinityBits", ...program.symbols.map((_, k) => `size${k}`), ...slots];
}

function wgslTarget(program: KernelProgram): Target {
  const plan = program.plan!;
  const dialect = wgsl((symbol) => `size${program.symbols.indexOf(symbol)}`);
  const target: Target = {
    dialect,
    load: (access, index) => {
      const word = `memory[${address(target, plan, access.buffer, index)}]`;
      return access.buffer.dtype === "f32" ? `bitcast<f32>(${word})` : `bitcast<i32>(${word})`;
    },
  };
  return target;
}

/** The word of an element, counted from the start of memory. */
export function address(
  { dialect }: Target,
  plan: MemoryPlan,
  buffer: Buffer,
  index: readonly string[],
): string {
  const { slot, offset } = place(plan, buffer);
  const constant = isConstantSize(plan.slots[slot]!.size);
  const start = constant ? `${constantBase(plan, slot) + offset}` : `base${slot} + ${offset}`;
  const sum = (terms: readonly string[]): string => (terms.length === 0 ? "0" : terms.join(" + "));
  const scaled = (x: string, factor: number): string => (factor === 1 ? x : `${x} * ${factor}`);
  if (buffer.layout.kind === "rows") {
    const terms = strides(buffer).map(({ factor, extents }, d) =>
      [scaled(index[d]!, factor), ...extents.map((e) => extentText(e, dialect))].join(" * "),
    );
    return sum([start, ...terms]);
  }
  const { rows, columns, K } = panels(buffer);
  const row = sum(rows.map((s, d) => scaled(index[d]!, s)));
  const column = sum(columns.map((s, d) => scaled(index[rows.length + d]!, s)));
  return `${start} + (((${column}) >> 3u) * ${K} + ${row}) * 8 + ((${column}) & 7)`;
}

const roundUp = (n: number): number => Math.ceil(n / slotAlignment) * slotAlignment;

function constantBase(plan: MemoryPlan, slot: number): number {
  return plan.slots
    .slice(0, slot)
    .reduce((sum, { size }) => sum + roundUp(size.reduce((n, t) => n + t.factor, 0)), 0);
}

// ---- one shader -------------------------------------------------------------------------------------------------

export interface Writer {
  readonly code: Code;
  readonly plan: MemoryPlan;
  readonly scope: Scope;
  /** Workgroup arrays, one for each joint reduction; `lanes` threads share them. */
  readonly shared: string[];
  readonly lanes: number;
}

/** A shader around what `body` writes; `time` are the enclosing loops, outermost first. */
export function writeShader(
  program: KernelProgram,
  lanes: number,
  time: readonly Loop[],
  body: (w: Writer) => void,
): string {
  const code = makeCode(wgslTarget(program));
  const scope = openScope(null);
  time.forEach(({ variable }, k) => scope.names.set(variable, `step.${"xyzw"[k]}`));
  const shared: string[] = [];
  body({ code, plan: program.plan!, scope, shared, lanes });
  const text = code.lines.join("\n");
  const uses = (name: string): boolean => new RegExp(`\\b${name}\\b`, "u").test(text);
  const words = uniformWords(program);
  const reads = words.flatMap((name, k) => {
    const read = `sizes[${k >> 2}].${"xyzw"[k & 3]}`;
    if (name === "infinityBits") return uses("infinity") ? [`let infinity = bitcast<f32>(${read});`] : [];
    return uses(name) ? [`let ${name} = ${read};`] : [];
  });
  return `${helpers(uses)}@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> sizes: array<vec4<i32>, ${Math.ceil(words.length / 4)}>;
@group(0) @binding(2) var<uniform> step: vec4<i32>;
${shared.map((s) => `${s}\n`).join("")}@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
let group = i32(workgroup.y * workgroups.x + workgroup.x);
let lane = i32(thread);
${[...reads, ...code.lines].join("\n")}
}
`;
}

function helpers(uses: (name: string) => boolean): string {
  const wanted = new Set<string>();
  const want = (name: string): void => {
    wgslHelpers[name]!.calls.forEach(want);
    wanted.add(name);
  };
  Object.keys(wgslHelpers).filter(uses).forEach(want);
  return [...wanted].map((name) => `${wgslHelpers[name]!.text}\n`).join("");
}

// ---- schedules --------------------------------------------------------------------------------------------------

/** A statement that is no loop, in a shader of its own. `guards` must all hold for it to run. */
export function statementShader(
  program: KernelProgram,
  statement: Kernel | Product,
  time: readonly Loop[],
  guards: readonly Expression[],
): Shader {
  const rows = statement.kind === "kernel" && isShared(statement);
  const points = rows ? statement.loops : parallelLoops(statement);
  const each = rows ? 1 : threads.points;
  const code = writeShader(program, rows ? threads.rows : threads.points, time, (w) => {
    const { code, scope } = w;
    const point = rows ? "group" : "point";
    if (!rows) code.lines.push(`let point = group * ${threads.points} + lane;`);
    code.lines.push(`if (${point} >= ${countText(points, code.target.dialect)}) { return; }`);
    guarded(w, guards, () => {
      const inner = openScope(scope);
      unravel(code, inner, points, point);
      writeStatement(w, inner, statement, rows);
    });
  });
  return { code, points, each };
}

/**
 * Whether the threads of a workgroup share a row, and meet to join their parts, or each has rows of its own: what takes
 * fewer turns on a device of modest width, with sizes that are not known as they often are.
 */
function isShared(kernel: Kernel): boolean {
  if (shares(kernel).serial.length > 0) return false;
  const device = { lanes: 4096, size: 32 };
  const pointsOf = (loops: readonly Loop[]): number =>
    loops.reduce((n, { extent }) => n * (isFixed(extent) ? extent.plus : device.size), 1);
  const rows = pointsOf(kernel.loops);
  const turns = (lanes: number, row: number): number => row * Math.ceil((rows * lanes) / device.lanes);
  return kernel.stages.some(({ loops }) => {
    const points = pointsOf(loops);
    const joined = points / threads.rows + 2 * groupsOf(threads.rows);
    return turns(threads.rows, joined) < turns(1, points);
  });
}

/** The loops whose points a statement computes at the same time. */
export const parallelLoops = (statement: Kernel | Product): readonly Loop[] =>
  statement.kind === "kernel" ? shares(statement).parallel : [...statement.m, ...statement.n];

export function guarded({ code, scope }: Writer, guards: readonly Expression[], body: () => void): void {
  const inner = openScope(scope);
  for (const g of guards) code.lines.push(`if (${valueOf(code, inner, g)}) {`);
  body();
  for (const _ of guards) code.lines.push("}");
}

/** One point of a statement; with `together`, the threads of the workgroup share the loops of its stages. */
export function writeStatement(
  w: Writer,
  scope: Scope,
  statement: Kernel | Product,
  together: boolean,
): void {
  if (statement.kind === "product") return writeProduct(w, scope, statement);
  if (together) return writeRow(w, scope, statement);
  const { serial } = shares(statement);
  nest(w.code, scope, serial, (inner) => {
    for (const stage of statement.stages) writeStage(w, inner, stage);
  });
}

function writeProduct(w: Writer, scope: Scope, product: Product): void {
  const { code } = w;
  const { dialect } = code.target;
  const sum = code.fresh("r");
  const start = product.start ? valueOf(code, scope, load(product.start)) : dialect.constant("f32", 0);
  code.lines.push(dialect.variable("f32", sum, start));
  nest(code, scope, product.k, (inner) => {
    const [left, right] = [product.left, product.right].map((x) => valueOf(code, inner, load(x)));
    code.lines.push(`${sum} += ${left} * ${right};`);
  });
  writeWord(w, scope, product.to, sum);
}

function writeStage(w: Writer, scope: Scope, stage: Stage): void {
  const { code } = w;
  settleStage(code, scope, stage);
  if (stage.kind === "reduce") return writeReduce(code, scope, stage, alone(code, stage));
  nest(code, scope, stage.loops, (inner) => writeStore(w, inner, stage));
}

const settleStage = (code: Code, scope: Scope, stage: Stage): void => {
  const roots = stageRoots(stage);
  settle(code, scope, roots, new Set(stage.loops.map((l) => l.variable)));
};

function writeStore(w: Writer, scope: Scope, stage: Extract<Stage, { kind: "store" }>): void {
  const { code } = w;
  const value = valueOf(code, scope, stage.value);
  const added = stage.accumulate
    ? `${code.target.load(stage.to, indexOf(code, scope, stage.to))} + ${value}`
    : value;
  writeWord(w, scope, stage.to, added);
}

const indexOf = (code: Code, scope: Scope, { index }: Access): readonly string[] =>
  index.map((e) => valueOf(code, scope, e));

function writeWord({ code, plan }: Writer, scope: Scope, to: Access, value: string): void {
  const at = address(code.target, plan, to.buffer, indexOf(code, scope, to));
  code.lines.push(`memory[${at}] = bitcast<u32>(${value});`);
}

// ---- rows -------------------------------------------------------------------------------------------------------

/**
 * Stages whose loops the threads share. A stage without loops is the first thread's. All wait before one touches what
 * another has stored, and before one stores where another may still be reading.
 */
export function writeRow(w: Writer, scope: Scope, kernel: Kernel): void {
  const { code } = w;
  let stored: Trace[] = [];
  let read: Trace[] = [];
  const meets = (a: Trace, others: readonly Trace[]): boolean => others.some((b) => collide(a, b, null));
  for (const stage of kernel.stages) {
    const isShort = stage.kind === "reduce" && isAlone(w, stage);
    const roots = stageRoots(stage);
    const reads = loads(roots).map((access): Trace => {
      const trace = traceOf(access, false, stage.loops, []);
      return isShort ? { ...trace, own: null } : trace;
    });
    const [store] = stage.kind === "store" ? [traceOf(stage.to, true, stage.loops, [])] : [];
    // A stage without loops is one thread's, but all read for it.
    const write = store && stage.loops.length === 0 ? { ...store, own: null } : store;
    const wait = (): void => {
      code.lines.push("storageBarrier();");
      [stored, read] = [[], []];
    };
    if (reads.some((a) => meets(a, stored))) wait();
    settleStage(code, scope, stage);
    const settled = reads.filter((a) => a.own === null || stage.loops.length === 0);
    if (write && meets(write, [...stored, ...read, ...settled])) wait();
    if (stage.kind === "reduce") {
      writeReduce(code, scope, stage, isShort ? alone(code, stage) : together(w, stage.loops));
      // All have read before the barriers of a joint one.
      read = isShort ? [...read, ...reads] : [];
      continue;
    }
    read.push(...reads);
    stored.push(write!);
    if (stage.loops.length > 0) spread(w, scope, stage.loops, (inner) => writeStore(w, inner, stage));
    else {
      code.lines.push("if (lane == 0) {");
      writeStore(w, openScope(scope), stage);
      code.lines.push("}");
    }
  }
}

/** Whether each thread reduces by itself, in fewer turns than to join parts. */
const isAlone = ({ lanes }: Writer, { loops }: Stage): boolean =>
  loops.every((l) => isFixed(l.extent)) &&
  loops.reduce((n, l) => n * l.extent.plus, 1) <= 2 * groupsOf(lanes);

/** The points of the loops, each by one thread of the workgroup. */
export function spread(w: Writer, scope: Scope, loops: readonly Loop[], body: (inner: Scope) => void): void {
  const { code, lanes } = w;
  const inner = openScope(scope);
  const point = code.fresh("p");
  const { dialect } = code.target;
  code.lines.push(`${dialect.counted(point, "lane", countText(loops, dialect), String(lanes))} {`);
  unravel(code, inner, loops, point);
  body(inner);
  code.lines.push("}");
}

/** Threads that join the parts of as many others each. */
const groupsOf = (lanes: number): number => Math.sqrt(lanes);

/**
 * Each thread leaves its part in a workgroup array; some threads take in a run of parts each, and all take in what those have:
 * in the same order whoever runs first. Behind its two barriers the arrays may be used again.
 */
function together(w: Writer, loops: readonly Loop[]): Passes {
  const { code, shared, lanes } = w;
  const { dialect } = code.target;
  const groups = groupsOf(lanes);
  return {
    over: (scope, body) => spread(w, scope, loops, body),
    join: (parts, combine) => {
      const arraysOf = (size: number): readonly string[] =>
        parts.map(({ type }) => {
          const name = `shared${shared.length}`;
          shared.push(`var<workgroup> ${name}: array<${dialect.types[type]}, ${size}>;`);
          return name;
        });
      const leave = (arrays: readonly string[]): void =>
        parts.forEach(({ name }, k) => code.lines.push(`${arrays[k]}[lane] = ${name};`));
      const takeIn = (arrays: readonly string[], from: string): void => {
        const other = code.fresh("i");
        parts.forEach(({ name, start }) => code.lines.push(`${name} = ${start};`));
        code.lines.push(`${dialect.counted(other, from, `${from} + ${groups}`, "1")} {`);
        code.lines.push(combine(arrays.map((a) => `${a}[${other}]`)), "}");
      };
      const [all, joined] = [arraysOf(lanes), arraysOf(groups)];
      leave(all);
      code.lines.push("workgroupBarrier();", `if (lane < ${groups}) {`);
      takeIn(all, `lane * ${groups}`);
      leave(joined);
      code.lines.push("}", "workgroupBarrier();");
      takeIn(joined, "0");
    },
  };
}
