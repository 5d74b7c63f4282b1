/** Paths through labels with blanks (Graves et al. 2006). */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { fail, type Session } from "./environment.ts";
import { align, combine, isTime, over, type Operand } from "./tensors.ts";
import type { CallSite, Tensor } from "./values.ts";

/** What stands where a path says nothing new; whoever reads the labels passes over it. */
export const nothing = -1;

/** What a path is made of: at each step it goes through the entry of the highest score. */
export interface Spelling {
  /** Logarithms of probabilities, up to a constant a step. */
  readonly emissions: Node;
  /** The axis of the entries. */
  readonly entries: Axis;
  readonly blank: number;
}

/** The labels that a path spells: of each run of equals the first, and no blanks. What is left out is -1. */
export function collapsed(path: Tensor, blank: Operand, site: CallSite): Tensor {
  const { environment, span } = site;
  const axis = path.axes.map((a) => a.axis).findLast(isTime);
  if (!axis || path.node.type.dtype !== "i32")
    return fail(environment, "sequence-wanted", span, {
      stage: "collapse",
      type: "this value",
      way: "It takes a path: `collapse(argmax(k: e[t, k]), blank)`.",
    });
  const before = build.shift(path.node, axis, 1, nothing);
  const [here, empty] = combine([{ value: path, span }, blank], environment, span, "i32") as [Node, Node];
  const same = build.binary("eq", here, before);
  const [isBlank, isSame] = align([build.binary("eq", here, empty), same]) as [Node, Node];
  const [gap, label, left] = align([
    build.binary("or", isBlank, isSame),
    here,
    build.constant(nothing, "i32"),
  ]) as [Node, Node, Node];
  const labels = build.select(gap, left, label);
  const choice = path.node;
  const isChoice = choice.op === "reduce" && choice.attributes.fn === "argmax";
  // Without a blank, -1, equal labels can't stand side by side, and no search is needed.
  if (isChoice && blank.value.kind === "number" && blank.value.value >= 0)
    environment.session.spellings.set(labels, {
      emissions: choice.operands[0]!,
      entries: choice.attributes.axes[0]!,
      blank: blank.value.value,
    });
  return { ...over(path, labels), axes: path.axes };
}

/** Of a value that `collapse` made, whatever its axes have been called since; null of any other. */
export function spellingOf(value: Node, session: Session): Spelling | null {
  if (value.op !== "rename") return session.spellings.get(value) ?? null;
  const inner = spellingOf(value.operands[0]!, session);
  const { from, to } = value.attributes;
  return inner && { ...inner, emissions: build.rename(inner.emissions, from, to) };
}
