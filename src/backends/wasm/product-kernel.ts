/** A product as a kernel: correct for any, fast for none. */
import { binary, load } from "../../ir/kernel/build.ts";
import type { Expression, Kernel, Loop, Product, Share, Variable } from "../../ir/kernel/types.ts";

export type CallKernel = (kernel: Kernel, initial?: ReadonlyMap<Variable, Expression>) => void;

/** Of what threads divide, one loop. A loop of several has ranges of its own: what the product writes is divided nowhere else. */
export const shareOf = ({ loops, by }: Share, loop: Loop): Share => ({
  loops: [loop],
  by: loops.length > 1 ? 1 : by,
});

/** A sum for each element. */
export function sumEach(
  { name, m, n, k, left, right, start, to, share }: Product,
  callKernel: CallKernel,
): void {
  const result: Variable = { name: "sum" };
  const value = binary("mul", load(left), load(right));
  const sum: Expression = { kind: "reduced", dtype: "f32", stage: result };
  const kernel: Kernel = {
    kind: "kernel",
    name,
    loops: [...m, ...n],
    stages: [
      { kind: "reduce", loops: k, fn: "sum", value, result },
      { kind: "store", loops: [], to, value: sum, accumulate: false },
    ],
    ...(share ? { share: shareOf(share, share.loops[0]!) } : {}),
  };
  callKernel(kernel, start ? new Map([[result, load(start)]]) : undefined);
}
