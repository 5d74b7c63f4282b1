/**
 * Whether the values that a state holds past an example's end may be seen where zeros are expected. Outputs of
 * scans count as zero there; a state's own buffer holds its last value instead and is free. It may stand for the
 * output if no sum over the steps or the batch meets what is made from it, but where the other factor is zero.
 */
import type { Axis, Node } from "../ir/graph/types.ts";
import { bodyRoots } from "../ir/graph/walk.ts";
import { lengthAxes, sameAxes } from "../ir/graph/build.ts";
import type { Context } from "./lower-context.ts";
import { zero } from "./lower-expression.ts";
import { isLeaf, isView } from "./lower-uses.ts";

export function mayShowHeld(c: Context, scan: Node<"scan">, output: number): boolean {
  const { axis } = scan.attributes;
  const seen = new Set<Node>();
  const visit = (node: Node): boolean => {
    if (seen.has(node)) return true;
    seen.add(node);
    const around = c.uses.scopeOf(node);
    if (around && around.attributes.axis !== axis && bodyRoots(around).includes(node)) return false;
    return c.uses.consumers(node).every((by) => isHarmless(node, by));
  };
  const isHarmless = (node: Node, by: Node): boolean => {
    const sums = (axes: readonly Axis[]): boolean => axes.some((a) => a === axis || a.kind === "batch");
    switch (by.op) {
      case "reduce":
        return sums(by.attributes.axes) ? false : visit(by);
      case "scatter":
        return false;
      case "contract":
        if (sums(by.attributes.axes)) return by.operands.some((x) => x !== node && isZero(c, x, axis));
        return visit(by);
      case "select":
        return (by.operands[1] === node && isWithin(c, by.operands[0]!, axis)) || visit(by);
      case "scan": {
        const { states, elements } = by.attributes;
        return by.operands.every((x, k) => {
          if (x !== node) return true;
          return k >= states.length && by.attributes.axis === axis && visit(elements[k - states.length]!);
        });
      }
      default:
        return visit(by);
    }
  };
  return c.uses
    .consumers(scan)
    .filter((r) => r.op === "result" && r.attributes.part === "output" && r.attributes.index === output)
    .every(visit);
}

/** Whether a value is surely stored as zero past the end: another output of a scan, or masked. */
function isZero(c: Context, node: Node, axis: Axis): boolean {
  if (isView(node)) return isZero(c, node.operands[0]!, axis);
  if (node.op === "select") return isWithin(c, node.operands[0]!, axis) && isConstantZero(node.operands[2]!);
  if (node.op !== "result" || node.attributes.part !== "output") return false;
  const scan = node.operands[0] as Node<"scan">;
  const value = scan.attributes.outputs[node.attributes.index]!;
  return (
    scan.attributes.axis === axis &&
    lengthAxes(axis).every((of) => value.type.axes.includes(of)) &&
    scan.attributes.states.every((s) => s.formal !== value && s.next !== value)
  );
}

function isConstantZero(node: Node): boolean {
  if (isView(node)) return isConstantZero(node.operands[0]!);
  return node.op === "constant" && node.attributes.value === 0;
}

/**
 * What is past the end matters to nobody: where one reader of a stored value masks it, it is stored masked, and the
 * mask is the value itself. Saves a second copy of whole sequences.
 */
export function storeMasked(c: Context): void {
  for (const node of c.uses.order) {
    if (node.op !== "select" || c.uses.scopeOf(node) !== null) continue;
    const [condition, value, otherwise] = node.operands as [Node, Node, Node];
    const axis = node.type.axes.find((a) => isWithin(c, condition, a));
    const isPlain = !isLeaf(value) && !isView(value) && !c.uses.terms(value) && value.op !== "scatter";
    if (!axis || !isConstantZero(otherwise) || !isPlain || !c.uses.exists(value)) continue;
    if (c.uses.scopeOf(value) !== null || !sameAxes(value.type.axes, node.type.axes)) continue;
    if (c.finishes.has(value) || c.forced.has(node)) continue;
    c.finishes.set(value, {
      kind: "mask",
      scan: null,
      condition: (bind) => c.pull.value(condition, bind),
      otherwise: () => zero(value.type.dtype),
    });
    c.pull.aliases.set(node, value);
  }
}

/** Whether a condition says "within the length of the axis", as mask-padding writes it. */
function isWithin(c: Context, node: Node, axis: Axis): boolean {
  if (isView(node)) return isWithin(c, node.operands[0]!, axis);
  if (node.op !== "binary" || node.attributes.fn !== "lt") return false;
  const [at, end] = node.operands.map((x) => (x.op === "broadcast" ? x.operands[0]! : x)) as [Node, Node];
  const along =
    at.op === "iota" ? at.attributes.axis : at.op === "position" ? c.uses.scopeOf(at)?.attributes.axis : null;
  return along === axis && end.op === "length" && end.attributes.axis === axis;
}
