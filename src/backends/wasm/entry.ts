/**
 * Code of an entry: its statements in order, time loops as loops around calls. Each kernel is a function of its own
 * (small functions are compiled better), and so is each form of product.
 */
import binaryen from "binaryen";
import type { Entry, Kernel, Loop, Statement, Variable } from "../../ir/kernel/types.ts";
import { expressions, kernelRoots } from "../../ir/kernel/walk.ts";
import { isShared } from "../../ir/kernel/share.ts";
import type { Ref } from "./code.ts";
import { FunctionCode } from "./code.ts";
import { scalarOf } from "./expression.ts";
import { writeKernel } from "./kernel.ts";
import { writeProduct } from "./products.ts";
import { sumsByRows } from "./row-sums.ts";
import type { Scope } from "./scope.ts";
import { extentOf, openScope, outwards } from "./scope.ts";
import { isFirst, meet } from "./threads.ts";
import type { ModuleWriter, Writer } from "./writer.ts";
import { makeWriter } from "./writer.ts";

/** `exported`: the name it goes by outside; null if it stays within. */
export function writeEntry(module: ModuleWriter, entry: Entry, name: string, exported: string | null): void {
  const code = new FunctionCode(module.m, []);
  const w = makeWriter(module, code, null);
  if (module.threads) writeMeeting(w, w.root, entry.body, name);
  else writeStatements(w, w.root, entry.body, name);
  code.finish(name, binaryen.none, w.root.code);
  if (exported !== null) module.m.addFunctionExport(name, exported);
}

function writeStatements(w: Writer, scope: Scope, statements: readonly Statement[], name: string): void {
  statements.forEach((s, i) => writeStatement(w, scope, s, `${name}.${i}`));
}

/** Statements after each of which threads meet; what is one thread's in a row is done without. */
function writeMeeting(w: Writer, scope: Scope, statements: readonly Statement[], name: string): void {
  const { m } = w.code;
  let alone: Ref[] = [];
  const flush = (): void => {
    if (alone.length > 0) scope.code.push(m.if(isFirst(m), w.code.block(alone)), meet(m));
    alone = [];
  };
  statements.forEach((statement, i) => {
    const own = `${name}.${i}`;
    if (!isShared(statement)) {
      const inner = openScope(scope);
      writeStatement(w, inner, statement, own);
      alone.push(...inner.code);
      return;
    }
    flush();
    if (statement.kind === "if") {
      // The condition may be changed by whoever is first to do what depends on it.
      const inner = { ...openScope(scope), code: scope.code };
      const holds = w.code.keepInt(scope.code, scalarOf(w, inner, statement.condition));
      const then = openScope(scope);
      writeMeeting(w, then, statement.then, own);
      scope.code.push(meet(m), m.if(w.code.get(holds), w.code.block(then.code)));
    } else if (statement.kind === "loop" && statement.meets) {
      writeTime(w, scope, statement.loop, statement.reverse, (turn) =>
        writeMeeting(w, turn, statement.body, own),
      );
    } else {
      writeStatement(w, scope, statement, own);
      scope.code.push(meet(m));
    }
  });
  flush();
}

function writeStatement(w: Writer, scope: Scope, statement: Statement, name: string): void {
  const { code } = w;
  // Nothing but pointers outlives a statement: the next one may change what was loaded.
  const inner = { ...openScope(scope), code: scope.code };
  switch (statement.kind) {
    case "kernel":
      for (const kernel of sumsByRows(statement) ?? [statement])
        callKernel(w, inner, kernel, `${name} ${kernel.name}`);
      return;
    case "product":
      return writeProduct(w, inner, statement, (kernel, initial) =>
        callKernel(w, inner, kernel, `${name} ${kernel.name}`, initial),
      );
    case "if": {
      const then = openScope(inner);
      const condition = scalarOf(w, inner, statement.condition);
      writeStatements(w, then, statement.then, name);
      if (then.code.length > 0) scope.code.push(code.m.if(condition, code.block(then.code)));
      return;
    }
    case "loop":
      return writeTime(w, inner, statement.loop, statement.reverse, (turn) =>
        writeStatements(w, turn, statement.body, name),
      );
    default:
      return statement satisfies never;
  }
}

function writeTime(
  w: Writer,
  scope: Scope,
  { variable, extent }: Loop,
  reverse: boolean,
  body: (turn: Scope) => void,
): void {
  const { code } = w;
  const { m } = code;
  const t = code.local(binaryen.i32);
  const steps = extentOf(w, extent);
  const turn = openScope(scope, { variable, value: t, step: 0 });
  body(turn);
  if (turn.code.length === 0) return;
  const label = `${variable.name}.${t.index}`;
  const loop = reverse
    ? [
        code.set(t, m.i32.sub(code.int(steps), m.i32.const(1))),
        m.loop(
          label,
          code.block([
            ...turn.code,
            code.increment(t, -1),
            m.br_if(label, m.i32.ge_s(code.get(t), m.i32.const(0))),
          ]),
        ),
      ]
    : [code.set(t, m.i32.const(0)), code.repeat(label, [...turn.code, code.increment(t, 1)], t, steps)];
  scope.code.push(m.if(m.i32.gt_s(code.int(steps), m.i32.const(0)), code.block(loop)));
}

/** Variables of time loops that the kernel uses, outermost first. */
function timeVariables(scope: Scope, kernel: Kernel, extra: Iterable<Variable>): readonly Variable[] {
  const used = new Set<Variable>(extra);
  for (const e of expressions(kernelRoots(kernel))) if (e.kind === "variable") used.add(e.variable);
  return [...outwards(scope)]
    .flatMap((s) => (s.bound && used.has(s.bound.variable) ? [s.bound.variable] : []))
    .reverse();
}

function callKernel(
  w: Writer,
  scope: Scope,
  kernel: Kernel,
  name: string,
  initial: Parameters<typeof writeKernel>[4] = new Map(),
): void {
  const starts = expressions([...initial.values()]).flatMap((e) =>
    e.kind === "variable" ? [e.variable] : [],
  );
  const variables = timeVariables(scope, kernel, starts);
  const made = w.module.once(name, (name) => writeKernel(w.module, name, kernel, variables, initial));
  const values = variables.map((variable) =>
    scalarOf(w, scope, { kind: "variable", dtype: "i32", variable }),
  );
  scope.code.push(w.code.m.call(made, values, binaryen.none));
}
