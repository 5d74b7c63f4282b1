/**
 * The module's memory: `reserve` lays the slots out for given sizes and grows the memory, `base` tells where a slot lies.
 * Temporaries of inference and of training lie over each other, behind the rest; a last argument leaves out those of training
 * (1), of inference (2), or both (3). Slots of constant size come first and lie where `slotBases` of `layout.ts` says, whatever the sizes are.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { KernelProgram, MemoryPlan, MemoryUse, SizeSymbol, Term } from "../../ir/kernel/types.ts";
import type { Local, Module, Ref } from "./code.ts";
import { FunctionCode } from "./code.ts";
import { isConstantSize } from "../../ir/kernel/addresses.ts";
import { firstAddress, nextBase } from "./layout.ts";
import { sizeGlobal } from "./scope.ts";

/** Whether the layout is that of inference alone: `reserve`'s last parameter. */
const inferenceGlobal = "inference";

/** The globals that hold what `reserve` was called with, in the order of its parameters. */
export const reservedGlobals = (symbols: readonly SizeSymbol[]): readonly string[] => [
  ...symbols.map(sizeGlobal),
  inferenceGlobal,
];

export interface SlotPlace {
  readonly global: string | null;
  readonly address: number;
}

/** A constant address for each slot of constant size, a global for each other. */
export function slotPlaces(plan: MemoryPlan): readonly SlotPlace[] {
  let address = firstAddress;
  let known = true;
  return plan.slots.map(({ size }, slot) => {
    if (!isConstantSize(size)) {
      known = false;
      return { global: `slot.${slot}`, address: 0 };
    }
    if (!known) throw new CompilerBug("a slot of constant size comes after one that is not");
    const place = { global: null, address };
    address = nextBase(
      address,
      size.reduce((sum, t) => sum + 4 * t.factor, 0),
    );
    return place;
  });
}

/** Addresses are kept below 2 GiB, so that i32s of either sign agree on them. */
const highest = 2n ** 31n - 65536n;
export const mostPages = 2 ** 15;

export function writeMemory(m: Module, program: KernelProgram, plan: MemoryPlan): void {
  const places = slotPlaces(plan);
  for (const symbol of program.symbols) m.addGlobal(sizeGlobal(symbol), binaryen.i32, true, m.i32.const(0));
  m.addGlobal(inferenceGlobal, binaryen.i32, true, m.i32.const(0));
  for (const { global } of places)
    if (global !== null) m.addGlobal(global, binaryen.i32, true, m.i32.const(firstAddress));
  writeReserve(m, program.symbols, plan, places);
  writeBase(m, places);
  m.addFunctionExport("reserve", "reserve");
  m.addFunctionExport("base", "base");
}

function writeReserve(
  m: Module,
  symbols: readonly SizeSymbol[],
  plan: MemoryPlan,
  places: readonly SlotPlace[],
): void {
  const code = new FunctionCode(
    m,
    [...symbols, "left out"].map(() => binaryen.i32),
  );
  const L = m.i64;
  const isTooFar = (end: Local): Ref => L.gt_u(code.get(end), L.const(highest));
  /** Not 0 if so. */
  const leftOut = (use: MemoryUse): Ref => {
    const bit = use === "training" ? 0 : 1;
    return m.i32.and(m.i32.shr_u(code.get(code.param(symbols.length)), m.i32.const(bit)), m.i32.const(1));
  };
  const sizes = new Map(symbols.map((s, i) => [s, code.param(i)]));
  const bytes = ({ factor, symbols }: Term): Ref =>
    symbols.reduce<Ref>(
      (product, s) => {
        const size = sizes.get(s);
        if (!size) throw new CompilerBug(`${s} is no size of the program`);
        return L.mul(product, L.extend_u(code.get(size)));
      },
      L.const(BigInt(4 * factor)),
    );
  /** Steps that are fewer than what is taken off them are none. */
  const atLeastZero = (sum: Ref, isSigned: boolean): Ref => {
    if (!isSigned) return sum;
    const kept = code.keep(body, sum, binaryen.i64);
    return m.select(L.gt_s(code.get(kept), L.const(0n)), code.get(kept), L.const(0n));
  };
  const firstFree = plan.slots.reduce(
    (end, { size }) =>
      isConstantSize(size) ? nextBase(end, 4 * size.reduce((n, t) => n + t.factor, 0)) : end,
    firstAddress,
  );
  const body: Ref[] = reservedGlobals(symbols).map((global, i) =>
    m.global.set(global, code.get(code.param(i))),
  );
  const common = code.keep(body, L.const(BigInt(firstFree)), binaryen.i64);
  const own = new Map<MemoryUse, Local>();
  plan.slots.forEach(({ size, use = null }, slot) => {
    const { global } = places[slot]!;
    if (global === null) return;
    const all = atLeastZero(
      size.map(bytes).reduce((sum, t) => L.add(sum, t)),
      size.some(({ factor }) => factor < 0),
    );
    const rounded = L.and(L.add(all, L.const(127n)), L.const(-64n));
    if (use && !own.has(use)) own.set(use, code.keep(body, code.get(common), binaryen.i64));
    const end = (use && own.get(use)) ?? common;
    body.push(
      m.global.set(global, m.i32.wrap(code.get(end))),
      code.set(end, L.add(code.get(end), rounded)),
      m.if(
        use ? m.i32.and(isTooFar(end), m.i32.eqz(leftOut(use))) : isTooFar(end),
        m.return(m.i32.const(-1)),
      ),
    );
  });
  const end = code.keep(body, code.get(common), binaryen.i64);
  for (const [use, last] of own) {
    const isFarther = m.i32.and(L.gt_u(code.get(last), code.get(end)), m.i32.eqz(leftOut(use)));
    body.push(m.if(isFarther, code.set(end, code.get(last))));
  }
  body.push(
    code.set(end, L.add(code.get(end), L.const(64n))),
    m.if(isTooFar(end), m.return(m.i32.const(-1))),
  );
  const pages = m.i32.shr_u(m.i32.add(m.i32.wrap(code.get(end)), m.i32.const(65535)), m.i32.const(16));
  const missing = code.keepInt(body, m.i32.sub(pages, m.memory.size()));
  const failed = m.i32.eq(m.memory.grow(code.get(missing)), m.i32.const(-1));
  const grow = m.if(failed, m.return(m.i32.const(-1)));
  body.push(m.if(m.i32.gt_s(code.get(missing), m.i32.const(0)), grow), m.i32.wrap(code.get(end)));
  code.finish("reserve", binaryen.i32, body);
}

function writeBase(m: Module, places: readonly SlotPlace[]): void {
  const code = new FunctionCode(m, [binaryen.i32]);
  const body = places.map(({ global, address }, slot) => {
    const found = global === null ? m.i32.const(address) : m.global.get(global, binaryen.i32);
    return m.if(m.i32.eq(code.get(code.param(0)), m.i32.const(slot)), m.return(found));
  });
  code.finish("base", binaryen.i32, [...body, m.i32.const(-1)]);
}
