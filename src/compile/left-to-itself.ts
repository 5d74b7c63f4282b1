/**
 * What inference is of a model that reads numbers of its own, `prev(frames)` under an output layer for `frames`: in training
 * they are the true ones, in `predict` and `step` those that it gave. Entries of a vocabulary are chosen, so what reads them is
 * parted instead (`generator.ts`).
 */
import type { Model } from "../elaborate/program.ts";
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { closeFeedback, type FedBack } from "../passes/close-feedback.ts";
import { entryOf } from "../passes/split.ts";

export function leftToItself(model: Model): Model {
  let { outputs } = model.graph;
  let { cannotFeedBack } = model;
  for (const entry of ["predict", "step"]) {
    let graph: Graph = { name: entry, outputs: outputs.filter((output) => entryOf(output) === entry) };
    for (const axis of axesOf(model, entry)) {
      const fed = fedAlong(model, graph, entry, axis);
      if (fed.length === 0) continue;
      const closed = closeFeedback(graph, axis, fed);
      if ("graph" in closed) graph = closed.graph;
      else {
        const { data } = fed[0]!;
        cannotFeedBack ??= { data, why: `\`${data}\` can't be generated: ${closed.refusal}.` };
      }
    }
    outputs = [...outputs.filter((output) => entryOf(output) !== entry), ...graph.outputs];
  }
  return { ...model, graph: { ...model.graph, outputs }, cannotFeedBack };
}

const axesOf = ({ fedBack }: Model, entry: string): ReadonlySet<Axis> =>
  new Set(
    fedBack.flatMap((one) =>
      one.entry === entry && one.node.op === "shift" ? [one.node.attributes.axis] : [],
    ),
  );

/** The numbers that are fed back along an axis: those that an output layer gives. */
function fedAlong(model: Model, graph: Graph, entry: string, axis: Axis): readonly FedBack[] {
  return model.results.flatMap(({ name, target, meaning }): FedBack[] => {
    const nodes = model.fedBack.flatMap(({ node, ...of }) =>
      of.entry === entry && of.data === target && isReading(node, axis) ? [node] : [],
    );
    const output = graph.outputs.find((o) => o.name === `${entry}:${name}`)?.value;
    if (
      meaning !== "value" ||
      nodes.length === 0 ||
      !output ||
      !build.sameAxes(output.type.axes, nodes[0]!.type.axes)
    )
      return [];
    const zero = build.filled(0, { ...output.type, axes: build.without(output.type.axes, [axis]) });
    const state = `state:prev.${target}`;
    if (entry === "predict") return [{ data: target!, nodes, output, start: zero, carry: null }];
    const kept = build.input(state, "f32", zero.type.axes);
    const fresh = build.binary("ne", build.input("fresh", "i32", [build.batch]), build.constant(0, "i32"));
    return [
      { data: target!, nodes, output, start: build.select(fresh, zero, kept), carry: `${entry}:${state}` },
    ];
  });
}

/** `prev` of the data itself, along the axis; that of what `prev` gave follows from it. */
const isReading = (node: Node, axis: Axis): boolean =>
  node.op === "shift" && node.attributes.axis === axis && node.operands[0]!.op === "input";
