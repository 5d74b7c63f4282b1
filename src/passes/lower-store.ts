/**
 * Statements that compute a node into its place: pointwise kernels, row reductions, products with what they start
 * from, scatters, and the parts of stacks and concatenations.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { fixedSize, union } from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { binary, i32, select, variable } from "../ir/kernel/build.ts";
import type { Expression, ReduceFunction, Statement } from "../ir/kernel/types.ts";
import { type Context, type Finish, finished, isStored, nameOf, storeKernel } from "./lower-context.ts";
import { storeStage, temporary } from "./lower-context.ts";
import { zero } from "./lower-expression.ts";
import {
  type Bind,
  bufferType,
  domain,
  loaded,
  index,
  type Place,
  rebind,
  replaceAxis,
  stored,
} from "./lower-place.ts";
import { makeProduct, orient } from "./lower-product.ts";
import { isOneHot, isView, type Terms } from "./lower-uses.ts";

export function placeFor(c: Context, node: Node): Place {
  const known = c.pull.places.get(node);
  if (known) return known;
  const preset = c.presets.get(node);
  const place = typeof preset === "function" ? preset() : (preset ?? inPlace(c, node) ?? own(c, node));
  c.presets.set(node, place);
  return place;
}

function own(c: Context, node: Node): Place {
  c.temporaries.add(node);
  return temporary(c, node);
}

/** A product adds to one step of a sequence in place if nothing else reads the sequence. */
function inPlace(c: Context, node: Node): Place | null {
  const terms = c.uses.terms(node);
  const [start] = terms?.rest ?? [];
  if (terms?.rest.length !== 1 || start?.op !== "element" || c.finishes.has(node)) return null;
  const from = c.pull.sequences.get(start);
  if (!from || c.uses.count(start) > 1 || c.uses.count(from.sequence) > 1) return null;
  if (!c.temporaries.has(from.sequence) || start.type.axes.length !== node.type.axes.length) return null;
  if (c.uses.scopeOf(from.sequence) !== c.uses.scopeOf(c.uses.scopeOf(start)!)) return null;
  return c.pull.placeOf(start);
}

/** Parts of stacks and concatenations, and what a product starts from, are computed where they are wanted. */
export function sharePlaces(c: Context, nodes: readonly Node[]): void {
  const free = (x: Node, by: Node): boolean =>
    isStored(c, x) &&
    c.uses.count(x) === 1 &&
    c.uses.scopeOf(x) === c.uses.scopeOf(by) &&
    !c.presets.has(x) &&
    !c.finishes.has(x);
  for (const node of nodes) {
    if (!isStored(c, node) || c.finishes.has(node)) continue;
    const terms = c.uses.terms(node);
    const [start] = terms?.rest ?? [];
    if (
      terms?.rest.length === 1 &&
      start &&
      free(start, node) &&
      start.type.axes.length === node.type.axes.length
    )
      c.presets.set(start, () => placeFor(c, node));
    if (node.op !== "stack" && node.op !== "concat") continue;
    let offset = 0;
    node.operands.forEach((x, k) => {
      const from = node.op === "concat" ? node.attributes.from[k]! : null;
      const whole = node.op === "concat" ? node.attributes.to : node.attributes.axis;
      const at = offset;
      offset += from ? fixedSize(from) : 1;
      if (!free(x, node) || node.operands.indexOf(x) !== k || isInnermost(node, whole)) return;
      c.inPart.add(x);
      c.presets.set(x, () => replaceAxis(placeFor(c, node), whole, from, at === 0 && from ? null : i32(at)));
    });
  }
}

/** Stores a node that exists and records where. */
export function storeNode(c: Context, node: Node, out: Statement[]): void {
  const place = placeFor(c, node);
  storeInto(c, node, place, c.finishes.get(node) ?? null, out);
  c.pull.places.set(node, place);
}

export function storeInto(
  c: Context,
  node: Node,
  place: Place,
  finish: Finish | null,
  out: Statement[],
): void {
  const terms = c.uses.terms(node);
  if (terms) return storeSum(c, node, terms, place, finish, out);
  const [x] = node.operands;
  switch (node.op) {
    case "reduce":
      return void out.push(
        reduction(c, node, node.attributes.fn, node.attributes.axes, place, finish, (bind) =>
          c.pull.value(x!, bind),
        ),
      );
    case "contract": {
      if (node.attributes.axes.length === 0) break;
      const [a, b] = node.operands as [Node, Node];
      const product = (bind: Bind): Expression => binary("mul", c.pull.value(a, bind), c.pull.value(b, bind));
      return void out.push(reduction(c, node, "sum", node.attributes.axes, place, finish, product));
    }
    case "scatter":
      if (isOneHot(node)) break;
      return storeScatter(c, node, place, finish, out);
    case "stack": {
      const { axis } = node.attributes;
      if (leavesPadding(place, axis)) out.push(clear(c, node, place));
      const { loops, bind } = domain(x!.type.axes);
      const stages = node.operands.flatMap((part, k) => {
        if (c.inPart.has(part)) return [];
        const at = rebind(bind, axis, i32(k));
        return [storeStage(c, place, finished(finish, c.pull.value(part, bind), at), at)];
      });
      if (stages.length > 0) out.push({ kind: "kernel", name: nameOf(node), loops, stages });
      return;
    }
    case "concat": {
      const { from, to } = node.attributes;
      let start = 0;
      if (leavesPadding(place, to)) out.push(clear(c, node, place));
      node.operands.forEach((part, k) => {
        const own = from[k]!;
        const first = start;
        start += fixedSize(own);
        if (c.inPart.has(part)) return;
        const at = replaceAxis(place, to, own, first === 0 ? null : i32(first));
        const whole = (bind: Bind): Bind => rebind(bind, to, binary("add", bind.get(own)!, i32(first)));
        const there = finish && {
          ...finish,
          condition: (bind: Bind) => finish.condition(whole(bind)),
          otherwise: (bind: Bind) => finish.otherwise(whole(bind)),
        };
        const value = (bind: Bind): Expression => c.pull.value(part, bind);
        out.push(storeKernel(c, nameOf(node), part.type.axes, at, value, there));
      });
      return;
    }
    default:
  }
  out.push(storeKernel(c, nameOf(node), node.type.axes, place, (bind) => c.pull.compute(node, bind), finish));
}

/** Whether parts along an axis leave lanes of a padded row that none of them writes: then they are cleared first. */
function leavesPadding(place: Place, axis: Axis): boolean {
  return place.dims[place.dims.length - 1]?.axis === axis && fixedSize(axis) % 4 !== 0;
}

/** The same of a node that has no place yet: then its parts may not be computed before it is cleared. */
const isInnermost = (node: Node, axis: Axis): boolean =>
  node.type.axes[node.type.axes.length - 1] === axis && fixedSize(axis) % 4 !== 0;

const clear = (c: Context, node: Node, place: Place): Statement =>
  storeKernel(c, `${nameOf(node)} zeros`, node.type.axes, place, () => zero(node.type.dtype));

function reduction(
  c: Context,
  node: Node,
  fn: ReduceFunction,
  axes: readonly Axis[],
  place: Place,
  finish: Finish | null,
  value: (bind: Bind) => Expression,
): Statement {
  const outer = domain(node.type.axes);
  const inner = domain(axes, outer.bind);
  const result = variable(fn);
  const dtype = bufferType(node.type.dtype);
  const reduced: Expression = { kind: "reduced", dtype, stage: result };
  const { intern } = c.pull.interner;
  const found = node.type.dtype === "bool" ? binary("ne", reduced, i32(0)) : reduced;
  return {
    kind: "kernel",
    name: nameOf(node),
    loops: outer.loops,
    stages: [
      { kind: "reduce", loops: inner.loops, fn, value: intern(stored(value(inner.bind))), result },
      storeStage(c, place, finished(finish, found, outer.bind), outer.bind),
    ],
  };
}

function storeScatter(
  c: Context,
  node: Node<"scatter">,
  place: Place,
  finish: Finish | null,
  out: Statement[],
): void {
  const [indices, updates] = node.operands as [Node, Node];
  const { axis } = node.attributes;
  out.push(storeKernel(c, `${nameOf(node)} zeros`, node.type.axes, place, () => zero(node.type.dtype)));
  const { loops, bind } = domain(union(indices.type.axes, updates.type.axes));
  const { inside, safe } = c.pull.lookup(axis, c.pull.value(indices, bind), bind);
  const value = select(inside, c.pull.value(updates, bind), zero(node.type.dtype));
  const stage = storeStage(c, place, value, rebind(bind, axis, safe));
  if (stage.kind !== "store") throw new CompilerBug("a scatter stores");
  out.push({ kind: "kernel", name: nameOf(node), loops, stages: [{ ...stage, accumulate: true }] });
  refinish(c, node, place, finish, out);
}

/** Past the end what `finish` says, once the value lies in its place. */
function refinish(c: Context, node: Node, place: Place, finish: Finish | null, out: Statement[]): void {
  if (!finish) return;
  const before = (bind: Bind): Expression => loaded(index(place, bind), node.type.dtype);
  out.push(storeKernel(c, `${nameOf(node)} ${finish.kind}`, node.type.axes, place, before, finish));
}

// ---- sums that end in products ------------------------------------------------------------------------------

function storeSum(
  c: Context,
  node: Node,
  { products, rest }: Terms,
  place: Place,
  finish: Finish | null,
  out: Statement[],
): void {
  const total = (bind: Bind): Expression =>
    rest.length === 0
      ? zero("f32")
      : rest.map((x) => c.pull.value(x, bind)).reduce((a, b) => binary("add", a, b));
  const zeroRows = finish !== null && products.every((p) => isZeroPast(c, p, finish));
  let start: Place | null = null;
  if (zeroRows) {
    // The rows of the left operand are zero past the end: what the product starts from stays there.
    out.push(storeKernel(c, `${nameOf(node)} start`, node.type.axes, place, total, finish));
    start = place;
  } else if (rest.length > 0) {
    start = rest.length === 1 ? c.pull.placeOf(rest[0]!) : null;
    if (!start) {
      out.push(storeKernel(c, `${nameOf(node)} start`, node.type.axes, place, total));
      start = place;
    }
  }
  for (const product of products) {
    out.push(makeProduct(c, product, place, start));
    start = place;
  }
  if (!zeroRows) refinish(c, node, place, finish, out);
}

/** The value that a chain of views shows. */
export const viewed = (node: Node): Node => (isView(node) ? viewed(node.operands[0]!) : node);

export function isZeroPast(c: Context, product: Node<"contract">, { scan }: Finish): boolean {
  const [left] = orient(c, product, null);
  const finish = c.finishes.get(viewed(left));
  return finish?.kind === "mask" && finish.scan === scan && left.type.axes.some((a) => a.kind === "batch");
}
