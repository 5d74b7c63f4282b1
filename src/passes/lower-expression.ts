/**
 * Pull expressions: what a node's value is at an index, as a scalar expression of loads of what exists in memory.
 * Views cost nothing here: they change the index. One entry an op, checked to be total.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { fixedSize, isRagged, lengthAxes } from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { access, binary, bool, f32, i32, load, select, unary } from "../ir/kernel/build.ts";
import type { Expression } from "../ir/kernel/types.ts";
import { type Interner, makeInterner } from "../ir/kernel/intern.ts";
import { isOneHot } from "./lower-uses.ts";
import type { Shared } from "./lower-program.ts";
import {
  type Bind,
  extentOf,
  index,
  loaded,
  ownLength,
  type Place,
  rebind,
  replaceAxis,
  sizeOf,
  lengthSource,
} from "./lower-place.ts";

export interface Pull {
  readonly interner: Interner;
  /** Where values lie that have a place; views of them are found through `placeOf`. */
  readonly places: Map<Node, Place>;
  /** Where each enclosing scan stands, by its axis, and what a scan's position is. */
  readonly positions: Map<Node | Axis, Expression>;
  /** Values that another one's place holds too. */
  readonly aliases: Map<Node, Node>;
  /** The sequences of elements. */
  readonly sequences: Map<Node, { readonly sequence: Node; readonly axis: Axis; readonly at: Expression }>;
  /** The value at an index: a load if it lies in memory. */
  readonly value: (node: Node, bind: Bind) => Expression;
  /** The value computed at an index though it may have a place: what a kernel stores there. */
  readonly compute: (node: Node, bind: Bind) => Expression;
  /** The place of a value or of a view of one; null if it has to be computed. */
  readonly placeOf: (node: Node) => Place | null;
  /** An index made safe along an axis, and whether it was in range: what a computed index loads or stores at. */
  readonly lookup: (axis: Axis, position: Expression, bind: Bind) => { inside: Expression; safe: Expression };
  /** Whether a position along a ragged axis is within the example's length; null if the axis has one size. */
  readonly within: (axis: Axis, position: Expression, bind: Bind) => Expression | null;
}

export const zero = (dtype: Node["type"]["dtype"]): Expression =>
  dtype === "bool" ? bool(false) : dtype === "i32" ? i32(0) : f32(0);

const constantOf = (value: number, dtype: Node["type"]["dtype"]): Expression =>
  dtype === "bool" ? bool(value !== 0) : dtype === "i32" ? i32(value) : f32(value);

const and = (a: Expression, b: Expression): Expression => binary("and", a, b);
const clamp = (e: Expression, top: Expression): Expression => binary("max", binary("min", e, top), i32(0));

export function makePull(shared: Shared): Pull {
  const interner = makeInterner();
  const places = new Map<Node, Place>();
  const positions = new Map<Node | Axis, Expression>();
  const aliases = new Map<Node, Node>();
  const sequences: Pull["sequences"] = new Map();
  const memo = new Map<Node, Map<string, Expression>>();

  const at = (bind: Bind, axis: Axis): Expression => {
    const e = bind.get(axis);
    if (!e) throw new CompilerBug(`no index along ${axis.name}`);
    return e;
  };

  /** An example's own length along an axis, or the axis's size. */
  const lengthAt = (axis: Axis, bind: Bind): Expression => {
    if (!isRagged(axis) || axis.size.kind === "fixed") return sizeOf(axis);
    if (extentOf(axis).symbol === null || extentOf(axis).symbol === "B") return sizeOf(axis);
    const places = lengthAxes(axis).map((of) => at(bind, of));
    const source = load(access(shared.length(axis), places));
    return ownLength(axis, source);
  };

  const placeOf = (node: Node): Place | null => {
    const known = places.get(node);
    if (known) return known;
    const same = aliases.get(node);
    if (same) return placeOf(same);
    const [x] = node.operands;
    const below = (): Place | null => placeOf(x!);
    switch (node.op) {
      case "rename": {
        const place = below();
        return place && replaceAxis(place, node.attributes.from, node.attributes.to, null);
      }
      case "pick": {
        const place = below();
        return place && replaceAxis(place, node.attributes.axis, null, i32(node.attributes.index));
      }
      case "slice": {
        const place = below();
        const { axis, to, start } = node.attributes;
        return place && replaceAxis(place, axis, to, start === 0 ? null : i32(start));
      }
      case "stop":
      case "broadcast":
        return below();
      case "element": {
        const from = sequences.get(node);
        const place = from ? placeOf(from.sequence) : null;
        return place && replaceAxis(place, from!.axis, null, from!.at);
      }
      case "param": {
        const place = shared.parameters.place(node);
        places.set(node, place);
        return place;
      }
      case "input": {
        const buffer = shared.input(node.attributes.name, dtypeOf(node), node.type.axes);
        const place = { buffer, dims: node.type.axes.map((axis) => ({ axis, offset: null })) };
        places.set(node, place);
        return place;
      }
      default:
        return null;
    }
  };

  const value = (node: Node, bind: Bind): Expression => {
    const key = node.type.axes.map((axis) => interner.id(at(bind, axis))).join(",");
    let row = memo.get(node);
    if (!row) memo.set(node, (row = new Map()));
    let found = row.get(key);
    if (!found) {
      const place = placeOf(node);
      const made = place ? loaded(index(place, bind), node.type.dtype) : compute(node, bind);
      row.set(key, (found = interner.intern(made)));
    }
    return found;
  };

  const compute = (node: Node, bind: Bind): Expression => {
    const [a, b, c] = node.operands as [Node, Node, Node];
    switch (node.op) {
      case "constant":
        return constantOf(node.attributes.value, node.type.dtype);
      case "iota":
        return at(bind, node.attributes.axis);
      case "length":
        return lengthAt(node.attributes.axis, bind);
      case "random":
        return draw(node, bind);
      case "position": {
        const position = positions.get(node);
        if (!position) throw new CompilerBug("a position outside of its scan");
        return position;
      }
      case "element": {
        const from = sequences.get(node);
        if (!from) throw new CompilerBug(`element ${node.attributes.name} outside of its scan`);
        return value(from.sequence, rebind(bind, from.axis, from.at));
      }
      case "unary":
        return unary(node.attributes.fn, value(a, bind));
      case "binary":
        return binary(node.attributes.fn, value(a, bind), value(b, bind));
      case "select":
        return select(value(a, bind), value(b, bind), value(c, bind));
      case "stop":
      case "broadcast":
        return value(a, bind);
      case "rename":
        return value(a, rebind(bind, node.attributes.from, at(bind, node.attributes.to)));
      case "pick":
        return value(a, rebind(bind, node.attributes.axis, i32(node.attributes.index)));
      case "slice": {
        const { axis, to, start } = node.attributes;
        return value(a, rebind(bind, axis, binary("add", at(bind, to), i32(start))));
      }
      case "contract":
        if (node.attributes.axes.length > 0) break;
        return binary("mul", value(a, bind), value(b, bind));
      case "stack": {
        const position = at(bind, node.attributes.axis);
        const parts = node.operands.map((x) => value(x, bind));
        return parts.reduceRight((rest, part, k) => select(binary("eq", position, i32(k)), part, rest));
      }
      case "concat": {
        const position = at(bind, node.attributes.to);
        let start = 0;
        const parts = node.operands.map((x, k) => {
          const from = node.attributes.from[k]!;
          const local = clamp(binary("sub", position, i32(start)), i32(fixedSize(from) - 1));
          start += fixedSize(from);
          return { end: start, part: value(x, rebind(bind, from, local)) };
        });
        return parts
          .slice(0, -1)
          .reduceRight(
            (rest, { end, part }) => select(binary("lt", position, i32(end)), part, rest),
            parts[parts.length - 1]!.part,
          );
      }
      case "place": {
        const { axis, start, from } = node.attributes;
        const position = at(bind, axis);
        if (!from) return select(binary("eq", position, i32(start)), value(a, bind), zero(node.type.dtype));
        const local = binary("sub", position, i32(start));
        const count = fixedSize(from);
        const inside = and(binary("ge", local, i32(0)), binary("lt", local, i32(count)));
        const part = value(a, rebind(bind, from, clamp(local, i32(count - 1))));
        return select(inside, part, zero(node.type.dtype));
      }
      case "gather": {
        const { axis } = node.attributes;
        const { inside, safe } = lookup(axis, value(b, bind), bind);
        return select(inside, value(a, rebind(bind, axis, safe)), zero(node.type.dtype));
      }
      case "scatter":
        if (!isOneHot(node)) break;
        return select(
          binary("eq", value(a, bind), at(bind, node.attributes.axis)),
          value(b, bind),
          zero(node.type.dtype),
        );
      case "shift": {
        const { axis, by, filler } = node.attributes;
        const from = binary("sub", at(bind, axis), i32(by));
        const inside = by > 0 ? binary("ge", from, i32(0)) : binary("lt", from, lengthAt(axis, bind));
        const safe = by > 0 ? binary("max", from, i32(0)) : clamp(from, binary("sub", sizeOf(axis), i32(1)));
        return select(inside, value(a, rebind(bind, axis, safe)), constantOf(filler, node.type.dtype));
      }
      case "reverse": {
        const { axis } = node.attributes;
        const last = binary("sub", lengthAt(axis, bind), i32(1));
        const from = binary("sub", last, at(bind, axis));
        return value(a, rebind(bind, axis, isRagged(axis) ? binary("max", from, i32(0)) : from));
      }
      case "input":
      case "param":
      case "state":
      case "reduce":
      case "scan":
      case "result":
        break;
      default:
        return node satisfies never;
    }
    throw new CompilerBug(`${node.op} ${node.label ?? ""} has no place in memory`);
  };

  /** The coordinate counts the axes that the number is fresh along first, as the graph's evaluator does. */
  const draw = (node: Node<"random">, bind: Bind): Expression => {
    const { distribution, place, fresh } = node.attributes;
    const counters = shared.counters();
    const rest = node.type.axes.filter((axis) => axis.kind !== "batch" && !fresh.includes(axis));
    const positionOf = (axis: Axis): Expression => bind.get(axis) ?? positions.get(axis) ?? i32(0);
    const [first, ...inner] = [...fresh, ...rest];
    const coordinate = inner.reduce(
      (outer, axis) => binary("add", binary("mul", outer, sizeOf(axis)), positionOf(axis)),
      first ? positionOf(first) : i32(0),
    );
    const batched = node.type.axes.find((axis) => axis.kind === "batch");
    const own = batched ? load(access(shared.example(), [at(bind, batched)])) : i32(0);
    const step = load(access(counters, [i32(1)]));
    const example = binary("add", own, binary("mul", step, i32(0x9e3779b9 | 0)));
    const seed = load(access(counters, [i32(0)]));
    return { kind: "random", dtype: "f32", distribution, seed, place, example, coordinate };
  };

  const lookup: Pull["lookup"] = (axis, position, bind) => ({
    inside: and(binary("ge", position, i32(0)), binary("lt", position, lengthAt(axis, bind))),
    safe: clamp(position, binary("sub", sizeOf(axis), i32(1))),
  });

  const within = (axis: Axis, position: Expression, bind: Bind): Expression | null => {
    if (!isRagged(axis) || !lengthAxes(axis).every((of) => bind.has(of)) || !lengthSource(axis)) return null;
    return binary("lt", position, lengthAt(axis, bind));
  };

  return { interner, places, aliases, positions, sequences, value, compute, placeOf, lookup, within };
}

function dtypeOf(node: Node): "f32" | "i32" | "bool" {
  if (node.type.dtype === "tuple") throw new CompilerBug("a scan is no input");
  return node.type.dtype;
}
