/**
 * split: the joint graph of a model into its entries. Outputs are named `entry:name`; a carried state keeps the name
 * of its buffer, which entries share.
 */
import type { Graph, Output } from "../ir/graph/types.ts";

export function entryOf(output: Output): string {
  return output.name.slice(0, output.name.indexOf(":"));
}

/** The outputs of one entry; null if it has none. */
export function split(graph: Graph, entry: string): Graph | null {
  const outputs = graph.outputs
    .filter((output) => entryOf(output) === entry)
    .map((output): Output =>
      output.role === "carry" ? { ...output, name: output.name.slice(entry.length + 1) } : output,
    );
  return outputs.length === 0 ? null : { name: `${graph.name}.${entry}`, outputs };
}
