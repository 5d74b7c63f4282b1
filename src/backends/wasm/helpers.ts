/** Functions of the module that kernels call: the slower mathematics, random numbers, the partial store. Made on demand. */
import binaryen from "binaryen";
import type { Expression } from "../../ir/kernel/types.ts";
import type { Int, Ref } from "./code.ts";
import { FunctionCode } from "./code.ts";
import { calledFunctions, inlineFunctions, powFunction, sinFunction } from "./math.ts";
import { normalFunction, uniformFunction } from "./random.ts";
import type { ModuleWriter, Writer } from "./writer.ts";

export type Called = keyof typeof calledFunctions | "sin" | "cos" | "pow";
export type ScalarFunction = keyof typeof inlineFunctions | Called;

const inLanes = { ...inlineFunctions, ...calledFunctions };

const wide: Readonly<Record<"sin" | "cos" | "pow", (code: FunctionCode) => readonly Ref[]>> = {
  sin: (code) => sinFunction(code, 0),
  cos: (code) => sinFunction(code, 1),
  pow: powFunction,
};

const isWide = (fn: ScalarFunction): fn is "sin" | "cos" | "pow" => fn in wide;

/** A call of the function on f32s. */
export function scalarCall(module: ModuleWriter, fn: ScalarFunction, operands: readonly Ref[]): Ref {
  const { m } = module;
  const name = module.once(fn, (name) => {
    const code = new FunctionCode(
      m,
      operands.map(() => binaryen.f32),
    );
    if (isWide(fn)) return code.finish(name, binaryen.f32, wide[fn](code));
    const body: Ref[] = [];
    const spread = m.f32x4.splat(code.get(code.param(0)));
    // What lanes call, the scalar form calls, so that both give the same bits and the code stands once.
    const lanes =
      fn in calledFunctions ? laneCall(module, fn as Called, [spread]) : inLanes[fn](code, body, spread);
    code.finish(name, binaryen.f32, [...body, m.f32x4.extract_lane(lanes, 0)]);
  });
  return m.call(name, operands, binaryen.f32);
}

/** A call of the function on four lanes. */
export function laneCall(module: ModuleWriter, fn: Called, operands: readonly Ref[]): Ref {
  const { m } = module;
  const name = module.once(`${fn}.lanes`, (name) => {
    const code = new FunctionCode(
      m,
      operands.map(() => binaryen.v128),
    );
    const body: Ref[] = [];
    if (!isWide(fn)) {
      const result = inLanes[fn](code, body, code.get(code.param(0)));
      return code.finish(name, binaryen.v128, [...body, result]);
    }
    const result = code.local(binaryen.v128);
    for (let k = 0; k < 4; k++) {
      const lane = operands.map((_, i) => m.f32x4.extract_lane(code.get(code.param(i)), k));
      body.push(code.set(result, m.f32x4.replace_lane(code.get(result), k, scalarCall(module, fn, lane))));
    }
    code.finish(name, binaryen.v128, [...body, code.get(result)]);
  });
  return m.call(name, operands, binaryen.v128);
}

export function randomCall(
  w: Writer,
  e: Extract<Expression, { kind: "random" }>,
  seed: Ref,
  counters: readonly Ref[],
): Ref {
  const { m } = w.code;
  const write = { uniform: uniformFunction, normal: normalFunction }[e.distribution];
  const name = w.module.once(`random.${e.distribution}`, (name) => {
    const code = new FunctionCode(m, [binaryen.i32, binaryen.i32, binaryen.v128, binaryen.v128]);
    code.finish(name, binaryen.v128, write(code));
  });
  return m.call(name, [seed, m.i32.const(e.place), ...counters], binaryen.v128);
}

/** Stores the first `count` lanes, 1 to 3. */
export function storeLanes(w: Writer, pointer: () => Ref, offset: number, value: Ref, count: Int): Ref {
  const { code } = w;
  const { m } = code;
  if (count === 1) return m.v128.store32_lane(offset, 4, 0, pointer(), value);
  if (count === 2) return m.v128.store64_lane(offset, 4, 0, pointer(), value);
  const name = w.module.once("store.lanes", (name) => {
    const inner = new FunctionCode(m, [binaryen.i32, binaryen.v128, binaryen.i32]);
    const [at, lanes, n] = [0, 1, 2].map((i) => () => inner.get(inner.param(i))) as [
      () => Ref,
      () => Ref,
      () => Ref,
    ];
    const single = m.v128.store32_lane(0, 4, 0, at(), lanes());
    const third = m.v128.store32_lane(8, 4, 2, at(), lanes());
    const several = [m.v128.store64_lane(0, 4, 0, at(), lanes()), m.if(m.i32.eq(n(), m.i32.const(3)), third)];
    inner.finish(name, binaryen.none, [m.if(m.i32.eq(n(), m.i32.const(1)), single, inner.block(several))]);
  });
  return m.call(name, [code.add(pointer(), offset), value, code.int(count)], binaryen.none);
}
