/**
 * What a training makes small: the sum of the objectives, averaged over the examples.
 *
 * A program that says `inf` can find an answer impossible: labels that no path through so few steps spells have the loss
 * inf, and nothing to teach. Such an example is left out of the mean, as though it were not in the batch, and counted. The
 * loss is inf only where no example is left.
 */
import * as build from "../ir/graph/build.ts";
import type { Node, Output } from "../ir/graph/types.ts";
import { topological } from "../ir/graph/walk.ts";
import type { Session } from "./environment.ts";
import { toF32 } from "./tensors.ts";

export function lossOutputs(entry: string, objectives: Session["objectives"]): readonly Output[] {
  const sum = objectives.map((o) => o.value).reduce((a, b) => build.add(a, b));
  const examples = toF32(build.length(build.batch));
  const total = (x: Node): Node => build.reduce("sum", x, [build.batch]);
  const loss = (value: Node): Output => ({ name: `${entry}:loss`, role: "loss", value });
  if (!saysInfinity(sum)) return [loss(build.div(total(sum), examples))];

  const [zero, one, infinity] = [0, 1, Infinity].map((x) => build.constant(x)) as [Node, Node, Node];
  const along = (x: Node): Node => build.broadcast(x, [build.batch]);
  const isImpossible = build.binary("eq", sum, along(infinity));
  const impossible = total(build.select(isImpossible, along(one), along(zero)));
  const left = build.sub(examples, impossible);
  const mean = build.div(total(build.select(isImpossible, along(zero), sum)), build.binary("max", left, one));
  return [
    loss(build.select(build.binary("eq", left, zero), infinity, mean)),
    { name: `${entry}:impossible`, role: "metric", value: impossible },
  ];
}

const saysInfinity = (value: Node): boolean =>
  topological([value]).some(
    (node) =>
      (node.op === "constant" && Math.abs(node.attributes.value) === Infinity) ||
      (node.op === "shift" && Math.abs(node.attributes.filler) === Infinity),
  );
