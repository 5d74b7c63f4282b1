/** Code of a product: the form that fits it. */
import type { Expression, Kernel, Product, Variable } from "../../ir/kernel/types.ts";
import type { Scope } from "./scope.ts";
import type { Writer } from "./writer.ts";

export type CallKernel = (kernel: Kernel, initial?: ReadonlyMap<Variable, Expression>) => void;

export function writeProduct(
  _w: Writer,
  _scope: Scope,
  product: Product,
  _name: string,
  callKernel: CallKernel,
): void {
  asKernel(product, callKernel);
}

/** Any product at all, as a sum for each element. */
function asKernel({ name, m, n, k, left, right, start, to }: Product, callKernel: CallKernel): void {
  const load = (from: typeof left): Expression => ({ kind: "load", dtype: from.buffer.dtype, from });
  const result: Variable = { name: "sum" };
  const value: Expression = { kind: "binary", dtype: "f32", fn: "mul", left: load(left), right: load(right) };
  const kernel: Kernel = {
    kind: "kernel",
    name,
    loops: [...m, ...n],
    stages: [
      { kind: "reduce", loops: k, fn: "sum", value, result },
      {
        kind: "store",
        loops: [],
        to,
        value: { kind: "reduced", dtype: "f32", stage: result },
        accumulate: false,
      },
    ],
  };
  callKernel(kernel, start ? new Map([[result, load(start)]]) : undefined);
}
