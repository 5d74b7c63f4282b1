/**
 * The body of one WASM function while it is written: its locals, and short names for the instructions in use.
 *
 * Binaryen's expressions are trees: one may stand in one place only. So whatever is used twice is a local, and
 * functions here return a new tree at each call.
 */
import binaryen from "binaryen";

export type Ref = binaryen.ExpressionRef;
export type Type = binaryen.Type;
export type Module = binaryen.Module;

export interface Local {
  readonly index: number;
  readonly type: Type;
}

/** An i32 known now or at run time. */
export type Int = number | Local;

const bytes = new DataView(new ArrayBuffer(4));

/** The bits of a float32 as an i32. */
export function bitsOf(value: number): number {
  bytes.setFloat32(0, value);
  return bytes.getInt32(0);
}

interface Ternary {
  _BinaryenSIMDTernary(module: number, op: number, a: Ref, b: Ref, c: Ref): Ref;
}

/** Binaryen's JavaScript has no name of its own for this instruction. */
function relaxedMultiplyAdd(m: Module, a: Ref, b: Ref, sum: Ref): Ref {
  const { ptr } = m as unknown as { readonly ptr: number };
  return (binaryen as unknown as Ternary)._BinaryenSIMDTernary(
    ptr,
    Number(binaryen.RelaxedMaddVecF32x4),
    a,
    b,
    sum,
  );
}

export class FunctionCode {
  readonly m: Module;
  private readonly params: readonly Type[];
  private readonly vars: Type[] = [];
  private readonly relaxed: boolean;

  /** `relaxed`: see `multiplyAdd`. */
  constructor(m: Module, params: readonly Type[], relaxed = false) {
    this.m = m;
    this.params = params;
    this.relaxed = relaxed;
  }

  /** a · b + sum in lanes: rounded twice, or relaxed, once where the machine can. */
  multiplyAdd(a: Ref, b: Ref, sum: Ref): Ref {
    const { m } = this;
    return this.relaxed ? relaxedMultiplyAdd(m, a, b, sum) : m.f32x4.add(sum, m.f32x4.mul(a, b));
  }

  param(index: number): Local {
    return { index, type: this.params[index]! };
  }

  local(type: Type): Local {
    this.vars.push(type);
    return { index: this.params.length + this.vars.length - 1, type };
  }

  get(local: Local): Ref {
    return this.m.local.get(local.index, local.type);
  }

  set(local: Local, value: Ref): Ref {
    return this.m.local.set(local.index, value);
  }

  /** Appends `value` to `to` as the assignment of a new local. */
  keep(to: Ref[], value: Ref, type: Type): Local {
    const local = this.local(type);
    to.push(this.set(local, value));
    return local;
  }

  keepVector(to: Ref[], value: Ref): Local {
    return this.keep(to, value, binaryen.v128);
  }

  keepInt(to: Ref[], value: Ref): Local {
    return this.keep(to, value, binaryen.i32);
  }

  int(value: Int): Ref {
    return typeof value === "number" ? this.m.i32.const(value) : this.get(value);
  }

  add(left: Ref, right: Int): Ref {
    return right === 0 ? left : this.m.i32.add(left, this.int(right));
  }

  mul(left: Ref, right: Int): Ref {
    return right === 1 ? left : this.m.i32.mul(left, this.int(right));
  }

  increment(local: Local, by: Int): Ref {
    return this.set(local, this.add(this.get(local), by));
  }

  /** Repeats `body` until `counter`, which `body` changes, is no longer less than `end`. Runs at least once. */
  repeat(label: string, body: readonly Ref[], counter: Local, end: Int): Ref {
    const again = this.m.br_if(label, this.m.i32.lt_s(this.get(counter), this.int(end)));
    return this.m.loop(label, this.block([...body, again]));
  }

  block(body: readonly Ref[]): Ref {
    return body.length === 1 ? body[0]! : this.m.block(null, [...body], binaryen.none);
  }

  /** Adds the function to the module. */
  finish(name: string, results: Type, body: readonly Ref[]): void {
    const block = body.length === 1 ? body[0]! : this.m.block(null, [...body], results);
    this.m.addFunction(name, binaryen.createType([...this.params]), results, this.vars, block);
  }
}

// ---- constants of four lanes --------------------------------------------------------------------------------

export function lanes(m: Module, values: readonly [number, number, number, number]): Ref {
  const view = new DataView(new ArrayBuffer(16));
  values.forEach((value, i) => view.setInt32(4 * i, value, true));
  return m.v128.const([...new Uint8Array(view.buffer)]);
}

export const splatInt = (m: Module, value: number): Ref => lanes(m, [value, value, value, value]);
export const splatFloat = (m: Module, value: number): Ref => splatInt(m, bitsOf(value));
export const zeros = (m: Module): Ref => splatInt(m, 0);
export const iota = (m: Module): Ref => lanes(m, [0, 1, 2, 3]);

/** Ones in the first `count` lanes, given now or at run time. */
export function firstLanes(code: FunctionCode, count: Int): Ref {
  const { m } = code;
  const lane = (i: number): number => (i < Number(count) ? -1 : 0);
  if (typeof count === "number") return lanes(m, [lane(0), lane(1), lane(2), lane(3)]);
  return m.i32x4.lt_s(iota(m), m.i32x4.splat(code.get(count)));
}
