/**
 * What a training makes small: the sum of the objectives, averaged over the examples. Objectives that name a net are apart: a
 * step of training takes one after another, each for the parameters of its own net.
 *
 * A program that says `inf` can find an answer impossible: labels that no path through so few steps spells have the loss
 * inf, and nothing to teach. Such an example is left out of the mean, as though it were not in the batch, and counted. The
 * loss is inf only where no example is left.
 */
import * as build from "../ir/graph/build.ts";
import type { Node, Output } from "../ir/graph/types.ts";
import { topological } from "../ir/graph/walk.ts";
import type { NetReference, Objective } from "./environment.ts";
import { toF32 } from "./tensors.ts";

/** What the objectives train, in the order of the source; those of one net add up. */
export const trainedBy = (objectives: readonly Objective[]): readonly (NetReference | null)[] => [
  ...new Map(objectives.map(({ net }) => [net?.name, net])).values(),
];

const objectivesOf = (objectives: readonly Objective[], net: NetReference | null): readonly Objective[] =>
  objectives.filter((o) => o.net?.name === net?.name);

/** What an entry of an objective is called: `train` in the joint graph, `gradients` and `update` of a module. */
export const objectiveEntry = <P extends "train" | "gradients" | "update">(
  purpose: P,
  net: NetReference | null,
): P | `${P}.${string}` => (net ? `${purpose}.${net.name}` : purpose);

/** The metric of `evaluate` that is one of several objectives. */
export const partOfLoss = (net: NetReference | null): string => `evaluate:loss.${net?.name ?? ""}`;

/** A loss for each that is trained. */
export const trainOutputs = (objectives: readonly Objective[]): readonly Output[] =>
  trainedBy(objectives).flatMap((net) =>
    lossOutputs(objectiveEntry("train", net), objectivesOf(objectives, net)),
  );

/** The sum of all, and of several each beside it. */
export function evaluateOutputs(entry: string, objectives: readonly Objective[]): readonly Output[] {
  const trained = trainedBy(objectives);
  if (trained.length === 0) return [];
  const parts = trained.map((net): Output => {
    const [loss] = lossOutputs(entry, objectivesOf(objectives, net));
    return { name: partOfLoss(net), role: "metric", value: loss!.value };
  });
  return [...lossOutputs(entry, objectives), ...(trained.length > 1 ? parts : [])];
}

function lossOutputs(entry: string, objectives: readonly Objective[]): readonly Output[] {
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
