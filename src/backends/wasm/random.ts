/**
 * Random numbers as a function of their place: Threefry-2x32-20 (Salmon et al. 2011) on four counters at once.
 *
 * Key (seed, place), counter (example, coordinate). A uniform is the upper 24 bits of the first word; a normal is
 * Box-Muller's cosine of both words. The cosine's polynomial is Cephes' `cosf`/`sinf`, its argument a fraction
 * of a turn, so that the reduction is exact.
 */
import type { FunctionCode, Local, Module, Ref } from "./code.ts";
import { splatFloat, splatInt } from "./code.ts";
import { calledFunctions } from "./math.ts";

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
const parity = 0x1bd11bda;

interface Words {
  readonly first: Local;
  readonly second: Local;
}

/** Parameters: seed (i32), place (i32), example and coordinate (four lanes each). */
function threefry(code: FunctionCode, body: Ref[]): Words {
  const { m } = code;
  const I = m.i32x4;
  const [seed, place] = [code.param(0), code.param(1)];
  const third = m.i32.xor(m.i32.xor(code.get(seed), code.get(place)), m.i32.const(parity));
  const key = [m.i32x4.splat(code.get(seed)), m.i32x4.splat(code.get(place)), m.i32x4.splat(third)].map(
    (word) => code.keepVector(body, word),
  );
  const word = (i: number): Ref => code.get(key[i % 3]!);
  const a = code.keepVector(body, I.add(code.get(code.param(2)), word(0)));
  const b = code.keepVector(body, I.add(code.get(code.param(3)), word(1)));
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!;
    const rotated = m.v128.or(
      I.shl(code.get(b), m.i32.const(by)),
      I.shr_u(code.get(b), m.i32.const(32 - by)),
    );
    body.push(code.set(a, I.add(code.get(a), code.get(b))), code.set(b, m.v128.xor(rotated, code.get(a))));
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    body.push(
      code.set(a, I.add(code.get(a), word(injection))),
      code.set(b, I.add(I.add(code.get(b), word(injection + 1)), splatInt(m, injection))),
    );
  }
  return { first: a, second: b };
}

/** In [0, 1). */
const uniform = (m: Module, word: Ref): Ref =>
  m.f32x4.mul(m.f32x4.convert_i32x4_s(m.i32x4.shr_u(word, m.i32.const(8))), splatFloat(m, 2 ** -24));

export function uniformFunction(code: FunctionCode): readonly Ref[] {
  const body: Ref[] = [];
  const { first } = threefry(code, body);
  return [...body, uniform(code.m, code.get(first))];
}

/** cos 2πu for u in [0, 1): quarter turns are counted off exactly. */
function cosineOfTurns(code: FunctionCode, body: Ref[], u: Ref): Ref {
  const { m } = code;
  const [F, I] = [m.f32x4, m.i32x4];
  const c = (x: number): Ref => splatFloat(m, x);
  const quarters = code.keepVector(body, F.mul(u, c(4)));
  const nearest = code.keepVector(body, F.nearest(code.get(quarters)));
  const quadrant = code.keepVector(body, I.trunc_sat_f32x4_s(code.get(nearest)));
  const r = code.keepVector(body, F.mul(F.sub(code.get(quarters), code.get(nearest)), c(Math.PI / 2)));
  const z = code.keepVector(body, F.mul(code.get(r), code.get(r)));
  const series = (p: number, q: number, s: number): Ref =>
    F.add(F.mul(F.add(F.mul(c(p), code.get(z)), c(q)), code.get(z)), c(s));
  const cosine = F.add(
    F.sub(
      F.mul(
        F.mul(series(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2), code.get(z)),
        code.get(z),
      ),
      F.mul(code.get(z), c(0.5)),
    ),
    c(1),
  );
  const sine = F.add(
    F.mul(F.mul(series(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1), code.get(z)), code.get(r)),
    code.get(r),
  );
  const odd = I.shl(code.get(quadrant), m.i32.const(31));
  const magnitude = m.v128.bitselect(sine, cosine, I.shr_s(odd, m.i32.const(31)));
  // cos(r + q quarter turns) is cos r, -sin r, -cos r, sin r.
  const sign = m.v128.and(I.add(code.get(quadrant), splatInt(m, 1)), splatInt(m, 2));
  return m.v128.xor(magnitude, I.shl(sign, m.i32.const(30)));
}

export function normalFunction(code: FunctionCode): readonly Ref[] {
  const { m } = code;
  const F = m.f32x4;
  const body: Ref[] = [];
  const { first, second } = threefry(code, body);
  const distance = F.sub(splatFloat(m, 1), uniform(m, code.get(first)));
  const logarithm = calledFunctions.log(code, body, distance);
  const radius = code.keepVector(body, F.sqrt(F.mul(splatFloat(m, -2), logarithm)));
  const cosine = cosineOfTurns(code, body, uniform(m, code.get(second)));
  return [...body, F.mul(code.get(radius), cosine)];
}
