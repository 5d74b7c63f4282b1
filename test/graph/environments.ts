/** Values for a graph's inputs and parameters, drawn from a seed, and short ways to say tensors. */
import { batch, fixedSize } from "../../src/ir/graph/build.ts";
import type { Environment, Tensor } from "../../src/ir/graph/eval.ts";
import { makeContext } from "../../src/ir/graph/eval-context.ts";
import type { Axis, Graph, Node, Role } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { random } from "../../src/ir/random.ts";

export interface Case {
  readonly batch?: number;
  readonly lengths?: Readonly<Record<string, readonly number[]>>;
  readonly values?: Readonly<Record<string, readonly number[]>>;
  readonly seed?: number;
}

export function graphOf(outputs: Readonly<Record<string, Node>>, role: Role = "predict"): Graph {
  return { name: "test", outputs: Object.entries(outputs).map(([name, value]) => ({ name, role, value })) };
}

/** Values given are in the canonical order of axes; others are normal, integers below the case's `below`. */
export function environmentOf(graph: Graph, given: Case = {}): Environment {
  const empty: Environment = {
    batch: given.batch ?? 1,
    inputs: new Map(),
    params: new Map(),
    lengths: new Map(Object.entries(given.lengths ?? {})),
    random: {
      seed: given.seed ?? 1,
      step: 0,
      examples: Int32Array.from({ length: given.batch ?? 1 }, (_, i) => i),
    },
  };
  const { size } = makeContext(empty);
  const fill = (name: string, axes: readonly Axis[], dtype: string, place: number): Tensor => {
    const sizes = axes.map(size);
    const length = sizes.reduce((a, b) => a * b, 1);
    const values = given.values?.[name];
    if (values && values.length !== length)
      throw new Error(`${name}: ${values.length} values, not ${length}`);
    const draw = (_: unknown, i: number): number => {
      const x = random("normal", given.seed ?? 1, place, 0, i);
      return dtype === "f32" ? x : dtype === "i32" ? Math.floor(Math.abs(x) * 1.5) : x > 0 ? 1 : 0;
    };
    return { axes, sizes, data: values ? Float64Array.from(values) : Float64Array.from({ length }, draw) };
  };
  const inputs = new Map(
    nodesOf(graph, "input").map((node, k) => {
      const { name } = node.attributes;
      return [name, fill(name, node.type.axes, node.type.dtype, 100 + k)];
    }),
  );
  const members = nodesOf(graph, "param").flatMap((node) => node.attributes.members);
  const params = new Map(
    members.map((member, k) => {
      const place = 1000 + k;
      const sizes = member.axes.map((axis) => (axis === batch ? empty.batch : fixedSize(axis)));
      return [member.name, { ...fill(member.name, member.axes, "f32", place), sizes }];
    }),
  );
  return { ...empty, inputs, params };
}
