/**
 * Contractions as products: which operand is the left one, which axes are rows, columns and summed over, and in
 * what panels the weight lies. A weight whose panels serve another product is packed once at the start of the entry.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { axisOrder } from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { load, panelsBuffer } from "../ir/kernel/build.ts";
import type { Buffer, Product } from "../ir/kernel/types.ts";
import { accessOf, type Context, nameOf } from "./lower-context.ts";
import { along, type Bind, domain, extentOf, type Place } from "./lower-place.ts";
import { roles } from "./lower-uses.ts";

const has = (node: Node, axis: Axis): boolean => node.type.axes.includes(axis);
const isBatched = (node: Node): boolean =>
  node.type.axes.some((a) => a.kind === "batch" || a.kind === "time");

/** Left and right operand: a weight stands on the right; of two activations, the one whose axes lead in `to` is left. */
export function orient(c: Context, node: Node<"contract">, to: Place | null): readonly [Node, Node] {
  const [a, b] = node.operands as [Node, Node];
  const isWeight = (x: Node): boolean => c.pull.placeOf(x)?.buffer.role === "parameter";
  if (isWeight(a) !== isWeight(b)) return isWeight(a) ? [b, a] : [a, b];
  const free = roles(node);
  const rows = (x: Node): boolean => isBatched(x) && (x === a ? free.left : free.right).some(isLong);
  if (rows(a) !== rows(b)) return rows(a) ? [a, b] : [b, a];
  const order = to ? to.dims.flatMap((d) => (d.axis ? [d.axis] : [])) : [...node.type.axes].sort(axisOrder);
  const first = order.find((axis) => has(a, axis) || has(b, axis));
  return first && has(b, first) ? [b, a] : [a, b];
}

const isLong = (axis: Axis): boolean => axis.kind === "batch" || axis.kind === "time";

/** `to = start + left · right`; `start` is indexed without the axes that it lacks. */
export function makeProduct(c: Context, node: Node<"contract">, to: Place, start: Place | null): Product {
  const [left, right] = orient(c, node, to);
  const k = [...node.attributes.axes].sort(axisOrder);
  const free = roles(node);
  const leftFree = left === node.operands[0] ? free.left : free.right;
  const m = node.type.axes.filter((axis) => leftFree.includes(axis));
  const n = node.type.axes.filter((axis) => !leftFree.includes(axis));
  const { loops, bind } = domain([...node.type.axes, ...k]);
  const over = (axes: readonly Axis[]) => {
    const chosen = new Set(axes.map((axis) => bind.get(axis)));
    return loops.filter((l) => [...chosen].some((e) => e?.kind === "variable" && e.variable === l.variable));
  };
  const weight = placed(c, right);
  return {
    kind: "product",
    name: nameOf(node),
    m: over(m),
    n: over(n),
    k: over(k),
    left: accessOf(c, placed(c, left), bind),
    right: accessOf(c, weight.buffer.role === "parameter" ? inPanels(c, weight, k, bind) : weight, bind),
    to: accessOf(c, to, bind),
    start: start && accessOf(c, start, bind),
  };
}

function placed(c: Context, node: Node): Place {
  const place = c.pull.placeOf(node);
  if (!place) throw new CompilerBug(`operand ${nameOf(node)} of a product has no place in memory`);
  return place;
}

/** The weight itself if its panels have the summed axes as rows, else a packed copy. */
function inPanels(c: Context, weight: Place, k: readonly Axis[], bind: Bind): Place {
  const { buffer, dims } = weight;
  if (buffer.layout.kind === "panels") {
    const split = dims.length - buffer.layout.columns;
    const fits = dims.every(({ axis, offset }, d) => axis && !offset && k.includes(axis) === d < split);
    if (fits) return weight;
  }
  const order = (axes: readonly Axis[]): number[] =>
    [...axes].sort(axisOrder).map((axis) => dims.findIndex((d) => d.axis === axis));
  const axes = dims.flatMap((d) => (d.axis ? [d.axis] : []));
  const rows = order(axes.filter((axis) => k.includes(axis)));
  const columns = order(axes.filter((axis) => !k.includes(axis)));
  const { id } = c.pull.interner;
  const offsets = dims.map((d) => (d.offset ? id(d.offset) : "")).join(" ");
  const key = `${buffer.name}: ${rows} | ${columns} @ ${offsets}`;
  const packedDims = [...rows, ...columns].map((d) => dims[d]!.axis!);
  let packed: Buffer | undefined = c.packed.get(key);
  const place = (of: Buffer): Place => ({ buffer: of, dims: packedDims.map(along) });
  if (!packed) {
    const extents = packedDims.map(extentOf);
    packed = c.shared.list(panelsBuffer(`${buffer.name}.packed`, extents, columns.length, "temporary"));
    c.packed.set(key, packed);
    const all = domain(packedDims);
    c.prologue.push({
      kind: "kernel",
      name: `pack ${buffer.name}`,
      loops: all.loops,
      stages: [
        {
          kind: "store",
          loops: [],
          to: accessOf(c, place(packed), all.bind),
          value: load(accessOf(c, weight, new Map([...bind, ...all.bind]))),
          accumulate: false,
        },
      ],
    });
  }
  return place(packed);
}
