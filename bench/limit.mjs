/**
 * What no product can pass: eight accumulators of four lanes, each adding the product of a vector in the nearest cache and a
 * constant, as a module. Independent of one another, so nothing but the arithmetic binds.
 */
import binaryen from "binaryen";

const chains = 8;
const turns = 1_000_000;

/** `flop`: of one `run`. */
export async function limit() {
  const m = new binaryen.Module();
  m.setFeatures(binaryen.Features.SIMD128);
  m.setMemory(1, 1, "memory");
  const all = [...Array(chains).keys()];
  const left = 0;
  const factor = chains + 1;
  const sum = (k) => m.local.get(k + 1, binaryen.v128);
  const product = (k) =>
    m.f32x4.mul(m.v128.load(16 * k, 16, m.i32.const(0)), m.local.get(factor, binaryen.v128));
  const next = m.i32.sub(m.local.get(left, binaryen.i32), m.i32.const(1));
  const turn = [
    ...all.map((k) => m.local.set(k + 1, m.f32x4.add(sum(k), product(k)))),
    m.br("again", m.local.tee(left, next, binaryen.i32)),
  ];
  m.addFunction(
    "run",
    binaryen.i32,
    binaryen.f32,
    [...all, factor].map(() => binaryen.v128),
    m.block(null, [
      m.local.set(factor, m.f32x4.splat(m.f32.const(0.999))),
      m.loop("again", m.block(null, turn)),
      m.f32x4.extract_lane(
        all.map(sum).reduce((a, b) => m.f32x4.add(a, b)),
        0,
      ),
    ]),
  );
  m.addFunctionExport("run", "run");
  const { instance } = await WebAssembly.instantiate(m.emitBinary());
  m.dispose();
  return { flop: turns * chains * 8, run: () => instance.exports.run(turns) };
}

/** How fast weights of that many bytes can be read over and over: eight sums of vectors one after the other. */
export async function bandwidth(bytes) {
  const m = new binaryen.Module();
  m.setFeatures(binaryen.Features.SIMD128);
  m.setMemory(Math.ceil(bytes / 65536), -1, "memory");
  const all = [...Array(chains).keys()];
  const at = 0;
  const sum = (k) => m.local.get(k + 1, binaryen.v128);
  const here = () => m.local.get(at, binaryen.i32);
  const next = m.local.tee(at, m.i32.add(here(), m.i32.const(16 * chains)), binaryen.i32);
  const turn = [
    ...all.map((k) => m.local.set(k + 1, m.f32x4.add(sum(k), m.v128.load(16 * k, 16, here())))),
    m.br_if("again", m.i32.lt_u(next, m.i32.const(bytes))),
  ];
  m.addFunction(
    "run",
    binaryen.none,
    binaryen.f32,
    [binaryen.i32, ...all.map(() => binaryen.v128)],
    m.block(null, [
      m.loop("again", m.block(null, turn)),
      m.f32x4.extract_lane(
        all.map(sum).reduce((a, b) => m.f32x4.add(a, b)),
        0,
      ),
    ]),
  );
  m.addFunctionExport("run", "run");
  const { instance } = await WebAssembly.instantiate(m.emitBinary());
  m.dispose();
  // Pages that nobody has written to are all one page, which the nearest cache holds.
  new Float32Array(instance.exports.memory.buffer).fill(1);
  return { bytes, run: instance.exports.run };
}
