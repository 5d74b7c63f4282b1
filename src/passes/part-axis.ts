/** Axes that passes make for parts of other axes: one for each size, so that equal parts meet and names stay unique. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph } from "../ir/graph/types.ts";
import { axesOf } from "../ir/graph/walk.ts";

/** Gives the axis of a size for parts of (or several beside each other along) an axis: `gate.4` and `gate.2`. */
export type PartAxis = (size: number, like: Pick<Axis, "name" | "kind" | "order">) => Axis;

export function partAxes(graph: Graph): PartAxis {
  const known = new Map(axesOf(graph).map((axis) => [axis.name, axis]));
  return (size, like) => {
    // A dot and a number are in no name of the source's.
    const name = `${like.name.replace(/\.\d+$/, "")}.${size}`;
    let axis = known.get(name);
    if (!axis) known.set(name, (axis = build.fixedAxis(name, size, like.order, like.kind)));
    return axis;
  };
}
