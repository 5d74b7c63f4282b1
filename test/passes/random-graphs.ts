/**
 * Random small graphs for fast-check: a program of numbers, each instruction makes one more value of those before it.
 * Whatever the numbers are, the graph is well-formed and its values stay moderate.
 */
import fc from "fast-check";
import * as b from "../../src/ir/graph/build.ts";
import type { Axis, Graph, Node } from "../../src/ir/graph/types.ts";
import { fit } from "../../src/passes/body.ts";
import { audio, feature, loss, T, weight } from "./models.ts";

const D = feature(3);
const E = b.fixedAxis("d3'", 3, 900, "named");
const K = b.fixedAxis("k", 2, 0, "stack");
const L = b.fixedAxis("l", 3, 1, "stack");
const M = b.fixedAxis("m", 5, 2, "stack");

export type Instruction = readonly [number, number, number, number];

export const program: fc.Arbitrary<readonly Instruction[]> = fc.array(
  fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99)),
  { minLength: 1, maxLength: 14 },
);

export function randomGraph(instructions: readonly Instruction[]): Graph {
  const names = { weights: 0 };
  const leaves = [audio(D), b.input("other", "f32", [b.batch, D]), weight("w", [D]), b.constant(0)];
  const values = build(instructions, leaves, names, true);
  const value = values.at(-1)!;
  const other = values.at(-2)!;
  return {
    name: "random",
    outputs: [
      { name: "y", role: "predict", value },
      { name: "z", role: "predict", value: other },
      { name: "loss", role: "loss", value: loss(b.unary("tanh", b.broadcast(value, [b.batch, D]))) },
    ],
  };
}

function build(
  instructions: readonly Instruction[],
  leaves: readonly Node[],
  names: { weights: number },
  mayScan: boolean,
): readonly Node[] {
  const values = [...leaves];
  for (const instruction of instructions) values.push(step(instruction, values, names, mayScan));
  return values;
}

function step(
  [op, i, j, k]: Instruction,
  values: readonly Node[],
  names: { weights: number },
  mayScan: boolean,
): Node {
  // Recent values more often, so that graphs are deep.
  const pick = (n: number): Node => values[values.length - 1 - (n % Math.min(values.length, 6))]!;
  const [x, y] = [pick(i), pick(j)];
  const has = (axis: Axis): boolean => b.hasAxis(x, axis);
  const both = fit([x, y]) as [Node, Node];
  const fresh = (axes: readonly Axis[]): Node => weight(`w${names.weights++}`, axes);
  switch (op % 20) {
    case 0:
    case 1:
      return b.add(...both);
    case 2:
      return b.mul(b.unary("tanh", both[0]), both[1]);
    case 3:
      return b.sub(...both);
    case 4:
      return b.unary((["tanh", "sigmoid", "neg", "abs", "sin"] as const)[k % 5]!, x);
    case 5:
      return b.select(...(fit([b.binary("lt", ...both), ...both]) as [Node, Node, Node]));
    case 6:
      return b.mul(x, b.constant((k % 3) - 1));
    case 7:
      return b.broadcast(x, [D, ...(k % 2 ? [b.batch] : [])]);
    case 8:
      return has(D) && !has(E) ? b.rename(x, D, E) : has(E) && !has(D) ? b.rename(x, E, D) : x;
    case 9:
      return has(D) ? b.reduce((["sum", "max", "logsumexp"] as const)[k % 3]!, x, [D]) : x;
    case 10:
    case 11:
      return has(D) && !has(E) ? b.rename(b.contract(x, fresh([E, D]), [D]), E, D) : x;
    case 12: {
      const shared = [D, E, T].filter((axis) => has(axis) && b.hasAxis(y, axis));
      const shown = shared.filter((axis) => axis !== T || has(b.batch) || b.hasAxis(y, b.batch));
      return shown.length > 0 ? b.unary("tanh", b.contract(x, y, [shown[k % shown.length]!])) : x;
    }
    case 13: {
      const axes = b.union(x.type.axes, y.type.axes);
      const two = [b.broadcast(x, axes), b.broadcast(y, axes)];
      if (axes.some((axis) => axis.kind === "stack")) return b.add(...both);
      return k % 2 ? b.stack(two, K) : b.stack([...two, two[0]!], L);
    }
    case 14: {
      const axis = [K, L, M].find(has);
      return axis ? b.pick(x, axis, k % b.fixedSize(axis)) : x;
    }
    case 15:
      if ([K, L, M].filter(has).length > 1) return x;
      return has(L)
        ? b.slice(x, L, k % 2, K)
        : has(K)
          ? k % 2
            ? b.place(x, M, k % 4, K)
            : b.place(b.pick(x, K, 1), K, k % 4 ? 1 : 0, null)
          : has(M)
            ? b.slice(x, M, k % 3, L)
            : x;
    case 16:
      return has(K) && !has(L) && !has(M)
        ? b.concat([x, b.place(b.pick(x, K, 0), L, k % 3, null)], [K, L], M)
        : x;
    case 17:
      return has(T) && has(b.batch) && mayScan ? b.shift(x, T, (k % 3) - 1) : x;
    case 18:
    case 19:
      return mayScan ? scanOver(x, [op, i, j, k], values, names) : b.unary("tanh", x);
    default:
      throw new Error("not an instruction");
  }
}

/** A scan whose body is again a random program, over the values that it may capture. */
function scanOver(
  x: Node,
  [op, i, j, k]: Instruction,
  values: readonly Node[],
  names: { weights: number },
): Node {
  const sequence = b.broadcast(narrow(x, [T, b.batch, D]), [T, b.batch, D]);
  const type = { dtype: "f32", axes: b.union([b.batch, D]) } as const;
  const h = b.state("h", type);
  const e = b.element("e", sequence.type, T);
  const at = b.position();
  const captures = values.filter((value) => !b.hasAxis(value, T)).slice(-3);
  const mix = (n: number): Instruction => [
    (op * 7 + n * 13 + i) % 100,
    (j + n) % 100,
    (k + 3 * n) % 100,
    i + n,
  ];
  const body = build(
    Array.from({ length: 6 }, (_, n) => mix(n)),
    [...captures, b.unary("float", at), e, h],
    names,
    false,
  );
  const last = body.at(-1)!;
  const wide = b.broadcast(narrow(last, type.axes), type.axes);
  const gate = b.add(
    b.rename(b.contract(e, weight(`w${names.weights++}`, [E, D]), [D]), E, D),
    b.rename(b.contract(h, weight(`w${names.weights++}`, [E, D]), [D]), E, D),
  );
  const next = b.unary("tanh", b.add(gate, wide));
  const sum = b.state("sum", type);
  const outer = b.state("outer", { dtype: "f32", axes: [E, D] });
  const product = b.contract(b.rename(wide, D, E), b.add(e, h), [b.batch]);
  const scan = b.scan({
    axis: T,
    reverse: k % 2 === 1,
    position: at,
    states: [
      { formal: h, next, start: b.filled(0, type) },
      { formal: sum, next: b.add(b.sub(wide, e), sum), start: b.filled(1, type) },
      { formal: outer, next: b.sub(outer, product), start: b.filled(0, outer.type) },
    ],
    elements: [{ formal: e, sequence }],
    outputs: [next, body.at(-2)!],
  });
  return k % 5 < 3 ? b.finalState(scan, k % 5) : b.scanOutput(scan, (k % 5) - 3);
}

/** Without the axes that are not among those given. */
function narrow(node: Node, axes: readonly Axis[]): Node {
  return b.reduce("max", node, b.without(node.type.axes, axes));
}
