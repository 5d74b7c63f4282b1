/**
 * Checks a kernel program: every access has its buffer's rank and i32 indices, static indices are in range,
 * variables are in scope, operands' dtypes agree, `reduced` refers to an earlier stage, buffers and size symbols
 * are listed. Returns the faults as sentences; `verifyKernels` throws the first as a `CompilerBug`.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { isMultiple } from "./build.ts";
import { printExtent } from "./print.ts";
import type { Access, Buffer, Expression, Extent, Kernel, KernelProgram, Loop, Statement } from "./types.ts";
import type { Share, Variable } from "./types.ts";
import { children } from "./walk.ts";

interface Scope {
  readonly variables: ReadonlyMap<Variable, Extent>;
  readonly results: ReadonlySet<Variable>;
}

export function kernelFaults(program: KernelProgram): string[] {
  const faults: string[] = [];
  const listed = new Set(program.buffers);
  const symbols = new Set(program.symbols);
  let where = "";
  const say = (message: string): void => void faults.push(`${where}: ${message}`);

  const checkExtent = (e: Extent): void => {
    if (e.symbol !== null && !symbols.has(e.symbol)) say(`size ${e.symbol} is not listed`);
  };

  const checkBuffer = (buffer: Buffer): void => {
    where = buffer.name;
    buffer.dims.forEach(checkExtent);
    if (buffer.within && !listed.has(buffer.within.buffer)) say(`lies within an unlisted buffer`);
    if (buffer.layout.kind !== "panels") return;
    if (buffer.dims.some((d) => d.symbol !== null)) say("panels of a size known only at run time");
    if (buffer.layout.columns < 1 || buffer.layout.columns > buffer.dims.length)
      say(`${buffer.layout.columns} columns`);
  };

  const checkAccess = (access: Access, scope: Scope): void => {
    const { buffer, index } = access;
    if (!listed.has(buffer)) say(`buffer ${buffer.name} is not listed`);
    if (index.length !== buffer.dims.length)
      return say(`${index.length} indices of ${buffer.name}, which has ${buffer.dims.length}`);
    index.forEach((e, d) => {
      if (e.dtype !== "i32") say(`index ${d} of ${buffer.name} is ${e.dtype}`);
      checkRange(e, buffer.dims[d]!, buffer, scope);
    });
  };

  /** Constants and bare variables, the static cases. */
  const checkRange = (e: Expression, dim: Extent, buffer: Buffer, scope: Scope): void => {
    const last = e.kind === "constant" ? e.value : null;
    if (last !== null && (last < 0 || (dim.symbol === null && last >= dim.plus)))
      say(`index ${last} of ${buffer.name}, whose dim is ${printExtent(dim)}`);
    if (e.kind !== "variable") return;
    const extent = scope.variables.get(e.variable);
    const comparable = extent && extent.symbol === dim.symbol && isMultiple(extent, dim);
    if (comparable && extent.plus > dim.plus)
      say(`${e.variable.name} < ${printExtent(extent)} indexes ${printExtent(dim)} of ${buffer.name}`);
  };

  const checkExpression = (e: Expression, scope: Scope, seen: Set<Expression>): void => {
    if (seen.has(e)) return;
    seen.add(e);
    for (const x of children(e)) checkExpression(x, scope, seen);
    switch (e.kind) {
      case "variable":
        if (!scope.variables.has(e.variable)) say(`variable ${e.variable.name} is out of scope`);
        break;
      case "extent":
        checkExtent(e.extent);
        break;
      case "load":
        if (e.dtype !== e.from.buffer.dtype) say(`load of ${e.from.buffer.name} as ${e.dtype}`);
        checkAccess(e.from, scope);
        break;
      case "binary":
        if (e.left.dtype !== e.right.dtype) say(`${e.fn} of ${e.left.dtype} and ${e.right.dtype}`);
        break;
      case "select":
        if (e.condition.dtype !== "bool") say(`select by ${e.condition.dtype}`);
        if (e.then.dtype !== e.else.dtype) say(`select of ${e.then.dtype} and ${e.else.dtype}`);
        break;
      case "reduced":
        if (!scope.results.has(e.stage)) say(`${e.stage.name} is not an earlier stage`);
        break;
      case "constant":
      case "unary":
      case "random":
        break;
      default:
        e satisfies never;
    }
  };

  const within = (scope: Scope, loops: readonly Loop[]): Scope => {
    const variables = new Map(scope.variables);
    for (const { variable, extent } of loops) {
      if (variables.has(variable)) say(`loop over ${variable.name} inside itself`);
      checkExtent(extent);
      variables.set(variable, extent);
    }
    return { ...scope, variables };
  };

  const checkShare = (share: Share | undefined, loops: readonly Loop[]): void => {
    for (const { variable } of share?.loops ?? [])
      if (!loops.some((l) => l.variable === variable)) say(`shared along ${variable.name}, no loop of it`);
  };

  const checkKernel = (kernel: Kernel, outer: Scope): void => {
    checkShare(kernel.share, kernel.loops);
    const results = new Set<Variable>();
    const scope = { ...within(outer, kernel.loops), results };
    for (const [k, stage] of kernel.stages.entries()) {
      const [before] = kernel.stages[k - 1]?.loops ?? [];
      if (stage.joins && !(stage.loops.length === 1 && stage.loops[0] === before))
        say("a stage joins one with another loop");
      const inner = within(scope, stage.loops);
      checkExpression(stage.value, inner, new Set());
      if (stage.kind === "reduce") {
        if (stage.fn === "argmax" && stage.loops.length !== 1) say("argmax over other than one loop");
        results.add(stage.result);
        continue;
      }
      stage.to.index.forEach((e) => checkExpression(e, inner, new Set()));
      checkAccess(stage.to, inner);
      if (stage.value.dtype !== stage.to.buffer.dtype)
        say(`stores ${stage.value.dtype} to ${stage.to.buffer.name}, which is ${stage.to.buffer.dtype}`);
    }
  };

  const checkStatement = (statement: Statement, scope: Scope): void => {
    switch (statement.kind) {
      case "kernel":
        where = statement.name;
        return checkKernel(statement, scope);
      case "product": {
        where = statement.name;
        checkShare(statement.share, [...statement.m, ...statement.n]);
        const inner = within(scope, [...statement.m, ...statement.n, ...statement.k]);
        const { left, right, to, start } = statement;
        for (const access of start ? [left, right, to, start] : [left, right, to]) {
          access.index.forEach((e) => checkExpression(e, inner, new Set()));
          checkAccess(access, inner);
        }
        if (to.buffer === left.buffer && sameIndex(to, left)) say("writes its left operand");
        if (to.buffer === right.buffer) say("writes its right operand");
        return;
      }
      case "loop": {
        where = statement.loop.variable.name;
        const inner = within(scope, [statement.loop]);
        return statement.body.forEach((s) => checkStatement(s, inner));
      }
      case "if":
        where = "if";
        checkExpression(statement.condition, scope, new Set());
        return statement.then.forEach((s) => checkStatement(s, scope));
      default:
        statement satisfies never;
    }
  };

  program.buffers.forEach(checkBuffer);
  const names = program.buffers.map((b) => b.name);
  where = program.name;
  names.filter((n, k) => names.indexOf(n) !== k).forEach((n) => say(`two buffers are called ${n}`));
  for (const entry of program.entries)
    entry.body.forEach((s) => checkStatement(s, { variables: new Map(), results: new Set() }));
  return faults;
}

/** Equal leading indices that are not loop variables of the product: the same rows. */
function sameIndex(a: Access, b: Access): boolean {
  return a.index.every((e, d) => e === b.index[d]);
}

export function verifyKernels(program: KernelProgram, after: string): KernelProgram {
  const [first] = kernelFaults(program);
  if (first) throw new CompilerBug(`after ${after}: ${first}`);
  return program;
}
