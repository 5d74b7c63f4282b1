/**
 * What a training step's arithmetic needs at least: products, sums and other operations at the rate of independent
 * multiplications and additions, each of which counts; functions at what each costs alone on data in the nearest caches.
 * Counted on the program that is emitted: an expression once for every value of the loops' variables that it depends on.
 */
import { compile, load } from "../dist/index.js";
import { bundled } from "./bundled.mjs";
import { timed } from "./measure.mjs";

const entry = `
export { check } from "./src/compile/check.ts";
export { makeEntries } from "./src/compile/entries.ts";
export { assemble } from "./src/compile/assemble.ts";
export { compileKernels } from "./src/passes/kernel-pipeline.ts";
export { children } from "./src/ir/kernel/walk.ts";
export { extentSize } from "./src/ir/kernel/layout.ts";`;

/** Functions that are more than an operation, as a program that computes each from numbers in (0, 1). */
const functions = {
  sigmoid: "sigmoid(x)",
  tanh: "tanh(x)",
  exp: "exp(x)",
  log: "log(x)",
  sqrt: "sqrt(x)",
  div: "1 / x",
};
const points = { B: 32, T: 50, n: 256 };

/** For each function a contestant, and `plain`, one with an addition in its place. */
export async function functionTimers() {
  const all = { plain: "x + 1", ...functions };
  const timers = {};
  for (const [name, formula] of Object.entries(all)) {
    const { wasm, metadata } = await compile(`input x : f32[T, ${points.n}]\noutput y = ${formula}`);
    const model = await load({ wasm, metadata });
    const example = {
      data: Float32Array.from({ length: points.T * points.n }, (_, k) => ((k % 97) + 1) / 99),
      shape: [points.T, points.n],
    };
    const x = Array.from({ length: points.B }, () => example);
    timers[name] = { time: timed(() => model.predict({ x })) };
  }
  return timers;
}

/** Milliseconds of one call of each function, from the times of the contestants above. */
export const functionCosts = ({ plain, ...times }) =>
  Object.fromEntries(
    Object.entries(times).map(([name, time]) => [
      name,
      Math.max(0, time - plain) / (points.B * points.T * points.n),
    ]),
  );

/** What a step of training computes: operations in products, other operations, and calls of each function. */
export async function countStep(source, sizes) {
  const c = await bundled("bench-need", entry);
  const { model } = c.check(source, "bench.rnn");
  const { program } = c.assemble(model, c.makeEntries(model));
  // What joined stages share would be counted for each of them.
  const { entries } = c.compileKernels(program, { without: new Set(["join-stages"]) });
  const counts = { products: 0, operations: 0 };
  const add = (name, times) => (counts[name] = (counts[name] ?? 0) + times);
  const turns = (loops) => loops.reduce((n, { extent }) => n * c.extentSize(extent, sizes), 1);

  const countKernel = (kernel, outer) => {
    const seen = new Set();
    for (const stage of kernel.stages) {
      const loops = [...outer, ...kernel.loops, ...stage.loops];
      const known = new Map();
      const visit = (e) => {
        if (known.has(e)) return known.get(e);
        const variables = new Set(c.children(e).flatMap((child) => [...visit(child)]));
        if (e.kind === "variable") variables.add(e.variable);
        if (e.kind === "reduced")
          for (const { variable } of [...outer, ...kernel.loops]) variables.add(variable);
        known.set(e, variables);
        const isArithmetic = e.kind === "unary" || e.kind === "binary" || e.kind === "select";
        const isReal = isArithmetic && (e.dtype === "f32" || (e.left ?? e.operand)?.dtype === "f32");
        if (isReal && !seen.has(e)) {
          const times = turns(loops.filter(({ variable }) => variables.has(variable)));
          add(e.fn in functions ? e.fn : "operations", times);
        }
        seen.add(e);
        return variables;
      };
      if (stage.kind === "store") stage.to.index.forEach(visit);
      visit(stage.value);
      if (stage.kind === "reduce" || stage.accumulate) add("operations", turns(loops));
      if (stage.fn === "logsumexp") add("exp", turns(loops));
    }
  };
  const count = (statement, outer) => {
    if (statement.kind === "kernel") return countKernel(statement, outer);
    if (statement.kind === "if") return statement.then.forEach((s) => count(s, outer));
    if (statement.kind === "loop") return statement.body.forEach((s) => count(s, [...outer, statement.loop]));
    return add("products", 2 * turns([...outer, ...statement.m, ...statement.n, ...statement.k]));
  };
  for (const { name, body } of entries)
    if (name === "gradients" || name === "update") body.forEach((statement) => count(statement, []));
  return counts;
}

/** Milliseconds. */
export function needed({ products, operations, ...calls }, gflops, costs) {
  const arithmetic = (products + operations) / gflops / 1e6;
  return arithmetic + Object.entries(calls).reduce((sum, [name, times]) => sum + times * costs[name], 0);
}
