/** Graphs made from a list of numbers: each number picks an op and its operands among what is there already. */
import * as b from "../../src/ir/graph/build.ts";
import type { Axis, Node } from "../../src/ir/graph/types.ts";
import { weighted } from "./gradient-check.ts";

export interface RandomGraph {
  readonly loss: Node;
  readonly wanted: readonly Node[];
}

const B = b.batch;
const T = b.raggedAxis("T", 0);
const n = b.fixedAxis("n", 3, 0);
const m = b.fixedAxis("m", 2, 1);
const n2 = b.fixedAxis("n'", 3, 2);

export function randomGraph(choices: readonly number[]): RandomGraph {
  const x = b.input("x", "f32", [T, B, n]);
  const y = b.input("y", "f32", [B, m]);
  const w = b.param({ name: "w", axes: [m, n], initialiser: { kind: "normal", deviation: 0.5 } });
  const v = b.param({ name: "v", axes: [n], initialiser: { kind: "uniform", bound: 1 } });
  const pool: Node[] = [x, y, w, v];
  for (const choice of choices) {
    const made = step(choice, pool);
    if (made) pool.push(made);
  }
  // what is bounded and has no more than a few axes stays close to linear for differences
  const last = pool.slice(-3).map((node) => b.unary("tanh", node));
  const loss = last.map((node, k) => weighted(node, `weights ${k}`)).reduce((a, c) => b.add(a, c));
  return { loss, wanted: [x, y, w, v] };
}

function step(choice: number, pool: readonly Node[]): Node | null {
  const pick = (salt: number): Node => pool[Math.floor(choice / salt) % pool.length]!;
  const p = pick(16);
  const q = pick(512);
  const has = (axis: Axis): boolean => b.hasAxis(p, axis);
  const joint = b.union(p.type.axes, q.type.axes);
  const both = [b.broadcast(p, joint), q] as const;
  switch (choice % 16) {
    case 0:
      return b.unary("tanh", p);
    case 1:
      return b.unary("sin", p);
    case 2:
      return b.unary("sigmoid", p);
    case 3:
      return b.add(...both);
    case 4:
      return b.mul(b.unary("tanh", both[0]), both[1]);
    case 5:
      return b.sub(...both);
    case 6:
      return p.type.axes.length > 1 ? b.reduce("sum", p, [p.type.axes.at(-1)!]) : null;
    case 7:
      return has(n) ? b.reduce("logsumexp", p, [n]) : null;
    case 8: {
      const shared = p.type.axes.filter((axis) => q.type.axes.includes(axis) && axis !== B);
      return shared.length > 0 ? b.contract(p, b.unary("tanh", q), shared.slice(0, 1)) : null;
    }
    case 9:
      return has(m) ? b.pick(p, m, choice % 2) : b.stack([p, b.neg(p)], m);
    case 10:
      return has(n) && !has(n2) ? b.rename(p, n, n2) : null;
    case 11:
      return has(T) && has(B) ? b.shift(p, T, (choice % 3) - 1 || 2, 0.5) : null;
    case 12:
      return has(T) && has(B) ? b.reverse(p, T) : null;
    case 13: {
      const even = b.binary("eq", b.binary("mod", b.iota(n), b.constant(2, "i32")), b.constant(0, "i32"));
      return has(n) ? b.select(even, p, b.unary("exp", b.unary("tanh", p))) : null;
    }
    case 14:
      return b.mul(b.stop(b.unary("sigmoid", p)), b.constant(0.5));
    default:
      return scanOf(p, q);
  }
}

/** s = tanh(s[t-1] + e · c), where c is captured. */
function scanOf(p: Node, q: Node): Node | null {
  if (!b.hasAxis(p, T) || !b.hasAxis(p, B) || b.hasAxis(q, T)) return null;
  const element = b.element("e", p.type, T);
  const axes = b.union(element.type.axes, q.type.axes);
  const formal = b.state("s", { dtype: "f32", axes });
  const next = b.unary("tanh", b.add(b.mul(b.broadcast(element, axes), q), formal));
  const scan = b.scan({
    axis: T,
    reverse: p.type.axes.length % 2 === 0,
    position: b.position(),
    states: [{ formal, next, start: b.filled(0.1, formal.type) }],
    elements: [{ formal: element, sequence: p }],
    outputs: [b.mul(next, next)],
  });
  const output = b.scanOutput(scan, 0);
  return b.add(output, b.finalState(scan, 0));
}
