/** What a pass is: a name, a sentence, and a pure function from graph to graph. `pipeline.ts` alone knows orders. */
import type { Graph } from "../ir/graph/types.ts";

export interface Pass {
  /** As in `--emit NAME` and `--without NAME`. */
  readonly name: string;
  /** One sentence: what it does. */
  readonly about: string;
  readonly run: (graph: Graph) => Graph;
}
