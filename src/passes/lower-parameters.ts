/**
 * How parameters lie in memory: all within one flat buffer, gradients beside them in another with the same offsets.
 *
 * A weight of a product is laid out in panels, rows the axes that the first product sums over, columns the others;
 * tables that are looked up, biases and peepholes in rows. Parameters that merge-gates laid side by side in any
 * entry share one buffer with the stack axis, wherever they are read.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { axisOrder, without } from "../ir/graph/build.ts";
import type { Axis, Node, Parameter } from "../ir/graph/types.ts";
import { fixed, fixedElements, i32, panelsBuffer, rowsBuffer } from "../ir/kernel/build.ts";
import type { Buffer } from "../ir/kernel/types.ts";
import { along, extentOf, fixedAt, type Place } from "./lower-place.ts";
import { isProduct, roles, type Uses } from "./lower-uses.ts";
import type { Owner } from "./stacked-sums.ts";

/** One learned tensor of the source and where it lies: at `index` of the buffer's dim `stackDim` if it is merged. */
export interface PlacedParameter {
  readonly parameter: Parameter;
  readonly buffer: Buffer;
  /** Mirrors `buffer`, element for element. */
  readonly gradient: Buffer;
  readonly index: number | null;
  readonly stackDim: number | null;
  /** For each axis of the parameter, in the order of the source: the dim of the buffer that it runs along. */
  readonly dims: readonly number[];
}

interface Group {
  readonly name: string;
  /** All names that merged nodes of these members have. */
  readonly aliases: readonly string[];
  readonly members: readonly Parameter[];
  /** The buffer's dims; null stands for the stack axis. */
  readonly axes: readonly (Axis | null)[];
  readonly buffer: Buffer;
  readonly gradient: Buffer;
}

export interface Parameters {
  readonly placed: readonly PlacedParameter[];
  /** The flat buffers; null where nothing is learned. */
  readonly flat: FlatParameters | null;
  readonly place: (node: Node<"param">) => Place;
  /** Of a parameter or a merged one by name; `axes` are the gradient's. */
  readonly gradient: (name: string, axes: readonly Axis[]) => Place;
  /** The merged parameter that a parameter is part of: its members' names in order. */
  readonly siblings: (name: string) => readonly string[];
}

export interface FlatParameters {
  readonly parameters: Buffer;
  readonly gradients: Buffer;
  /** Where the parameters of each owner lie, which are neighbours: in elements, of both buffers. */
  readonly ranges: ReadonlyMap<number, { readonly offset: number; readonly length: number }>;
}

interface Use {
  readonly node: Node<"param">;
  /** The parameter's own axes that the first product sums over; null if it is looked up or never multiplied. */
  rows: readonly Axis[] | null;
  /** The axis that it is looked up along. */
  looked: Axis | null;
}

export function layOutParameters(entries: readonly Uses[], owner: Owner): Parameters {
  const ownerOf = (g: Draft): number => owner(g.members[0]!.name);
  const groups = groupsOf(collectUses(entries)).sort((a, b) => ownerOf(a) - ownerOf(b));
  const ranges = new Map<number, { readonly offset: number; readonly length: number }>();
  let offset = 0;
  const offsets = groups.map((g) => {
    const at = offset;
    offset += Math.ceil(fixedElements(g.make("parameter")) / 16) * 16;
    const start = ranges.get(ownerOf(g))?.offset ?? at;
    ranges.set(ownerOf(g), { offset: start, length: offset - start });
    return at;
  });
  const parameters = rowsBuffer("parameters", "f32", [fixed(offset)], "parameter");
  const gradients = rowsBuffer("gradients", "f32", [fixed(offset)], "gradient");
  const laid = groups.map((g, k): Group => ({
    ...g,
    buffer: { ...g.make("parameter"), within: { buffer: parameters, offset: offsets[k]! } },
    gradient: {
      ...g.make("gradient"),
      name: `d.${g.name}`,
      within: { buffer: gradients, offset: offsets[k]! },
    },
  }));
  const groupOf = new Map<string, readonly [Group, number | null]>();
  for (const g of laid) {
    g.members.forEach((m, k) => groupOf.set(m.name, [g, g.axes.includes(null) ? k : null]));
    for (const alias of g.aliases) groupOf.set(alias, [g, null]);
  }
  const find = (name: string): readonly [Group, number | null] => {
    const found = groupOf.get(name);
    if (!found) throw new CompilerBug(`no parameter ${name}`);
    return found;
  };

  /** Names the axes of a buffer by those of a value: they agree in canonical order. */
  const view = (buffer: Buffer, group: Group, index: number | null, axes: readonly Axis[]): Place => {
    const own = [...group.members[0]!.axes].sort(axisOrder);
    const merged = group.axes.includes(null) && index === null;
    const stack = merged ? axes.find((a) => a.kind === "stack" && !own.includes(a)) : undefined;
    if (merged && !stack) throw new CompilerBug(`${group.name} has no stack axis`);
    const given = without(axes, stack ? [stack] : []);
    if (given.length !== own.length) throw new CompilerBug(`${group.name}: ${given.length} axes`);
    const named = new Map(
      own.map((axis, k) => [axis, own.every((x) => given.includes(x)) ? axis : given[k]!]),
    );
    const dims = group.axes.map((axis) => {
      if (axis) return along(named.get(axis)!);
      return stack ? along(stack) : fixedAt(i32(index ?? 0));
    });
    return { buffer, dims };
  };

  const placed = laid.flatMap((g) =>
    g.members.map((parameter, k): PlacedParameter => {
      const stackDim = g.axes.includes(null) ? g.axes.indexOf(null) : null;
      const own = [...g.members[0]!.axes].sort(axisOrder);
      const mine = [...parameter.axes].sort(axisOrder);
      const dims = parameter.axes.map((axis) => g.axes.indexOf(own[mine.indexOf(axis)]!));
      const index = stackDim === null ? null : k;
      return { parameter, buffer: g.buffer, gradient: g.gradient, index, stackDim, dims };
    }),
  );

  return {
    placed,
    flat: laid.length > 0 ? { parameters, gradients, ranges } : null,
    place: (node) => {
      const { members, stack, name } = node.attributes;
      const [group, index] = find(members[0]!.name);
      if (!stack) return view(group.buffer, group, index, node.type.axes);
      if (members.some((m, k) => group.members[k]?.name !== m.name))
        throw new CompilerBug(`${name} is merged in two ways`);
      return view(group.buffer, group, null, node.type.axes);
    },
    gradient: (name, axes) => {
      const [group, index] = find(name);
      return view(group.gradient, group, index, axes);
    },
    siblings: (name) => find(name)[0].members.map((m) => m.name),
  };
}

/** Every param node of all entries, with what its first product sums over. */
function collectUses(entries: readonly Uses[]): Use[] {
  const uses: Use[] = [];
  for (const { order } of entries) {
    const own = new Map<Node, Use>();
    for (const node of order) {
      if (node.op === "param") {
        const use: Use = { node, rows: null, looked: null };
        own.set(node, use);
        uses.push(use);
      }
      if (node.op === "gather") {
        const found = parameterBelow(node.operands[0]!);
        if (found) own.get(found.node)!.looked ??= found.original(node.attributes.axis);
      }
      if (node.op !== "contract" || !isProduct(node)) continue;
      for (const operand of node.operands) {
        const found = parameterBelow(operand);
        const use = found && own.get(found.node);
        if (!use || use.rows || roles(node).batch.length > 0) continue;
        use.rows = node.attributes.axes.map((axis) => found.original(axis));
      }
    }
  }
  return uses;
}

/** The param that a chain of views ends in, and what its axes were before they were renamed on the way. */
function parameterBelow(
  node: Node,
): { readonly node: Node<"param">; readonly original: (axis: Axis) => Axis } | null {
  if (node.op === "param") return { node, original: (axis) => axis };
  if (!["rename", "pick", "slice", "stop", "broadcast"].includes(node.op)) return null;
  const below = parameterBelow(node.operands[0]!);
  if (!below) return null;
  const back = (axis: Axis): Axis => {
    if (node.op === "rename" && axis === node.attributes.to) return node.attributes.from;
    if (node.op === "slice" && axis === node.attributes.to) return node.attributes.axis;
    return axis;
  };
  return { node: below.node, original: (axis) => below.original(back(axis)) };
}

interface Draft {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly members: readonly Parameter[];
  readonly axes: readonly (Axis | null)[];
  readonly make: (role: "parameter" | "gradient") => Buffer;
}

function groupsOf(uses: readonly Use[]): Draft[] {
  const merged = uses.filter((u) => u.node.attributes.stack);
  const member = new Set(merged.flatMap((u) => u.node.attributes.members.map((m) => m.name)));
  const seen = new Set<string>();
  const drafts: Draft[] = [];
  for (const use of uses) {
    const { members, stack } = use.node.attributes;
    const key = members.map((m) => m.name).join(" ");
    if (seen.has(key) || (!stack && member.has(members[0]!.name))) continue;
    seen.add(key);
    const same = uses.filter((u) => u.node.attributes.members.map((m) => m.name).join(" ") === key);
    drafts.push(draft(use.node, same));
  }
  const names = drafts.flatMap((d) => d.members.map((m) => m.name));
  const twice = names.find((n, k) => names.indexOf(n) !== k);
  if (twice) throw new CompilerBug(`parameter ${twice} is merged in two ways`);
  return drafts;
}

function draft(node: Node<"param">, uses: readonly Use[]): Draft {
  const { members, stack } = node.attributes;
  const { name } = stack ? node.attributes : members[0]!;
  const aliases = stack ? uses.map((u) => u.node.attributes.name) : [];
  const own = [...members[0]!.axes].sort(axisOrder);
  const typed = [...node.type.axes].sort(axisOrder);
  const ordered: (Axis | null)[] = typed.map((axis) => {
    if (axis === stack) return null;
    return own.includes(axis) ? axis : own[without(typed, stack ? [stack] : []).indexOf(axis)]!;
  });
  const multiplied = uses.find((u) => u.rows);
  const looked = uses.find((u) => u.looked)?.looked ?? null;
  const extents = (axes: readonly (Axis | null)[]) =>
    axes.map((axis) => (axis ? extentOf(axis) : fixed(members.length)));
  if (multiplied?.rows && !looked) {
    const rows = own.filter((axis) => multiplied.rows!.includes(axis));
    const columns = ordered.filter((axis) => axis === null || !rows.includes(axis));
    if (rows.length > 0 && columns.length > 0 && rows.length === multiplied.rows.length) {
      const dims = extents([...rows, ...columns]);
      const make = (role: "parameter" | "gradient"): Buffer => panelsBuffer(name, dims, columns.length, role);
      return { name, aliases, members, axes: [...rows, ...columns], make };
    }
  }
  // What is looked up is a row.
  const axes = looked ? [looked, ...ordered.filter((axis) => axis !== looked)] : ordered;
  const make = (role: "parameter" | "gradient"): Buffer => rowsBuffer(name, "f32", extents(axes), role);
  return { name, aliases, members, axes, make };
}
