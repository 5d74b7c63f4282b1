/**
 * Spreads stacks of gates from the products to what reads them:
 *
 *   add (pick [g] 0 %z), (pick [g] 0 %y)     and of 1     become     parts of add %z, %y
 *   add (pick [g] 0 %z), %b.0                and of 1     become     parts of add %z, %b.{0,1}
 *   element x %x = pick [g] 0 %z             and of 1     become     parts of element x %x = %z
 *   rename [n, m] (pick [g] 0 %z)                         becomes    pick [g] 0 (rename [n, m] %z)
 *
 * A run of neighbours is enough; then it is a slice of Z.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { bodyRoots, rewrite, rewriteGraph, topological } from "../ir/graph/walk.ts";
import { readers, resultsOf, rewriteScans, rootsOf, type Replacement } from "./body.ts";
import { mergedName } from "./merged-name.ts";

type GateAxis = (size: number) => Axis;

/** Whose a parameter is, by its name. */
export type Owner = (parameter: string) => number;

export function spreadStacks(graph: Graph, gateAxis: GateAxis, owner: Owner): Graph {
  let current = graph;
  for (;;) {
    const next = mergeElements(stackSums(renameStacks(current), gateAxis, owner), gateAxis);
    if (next.outputs.every((o, k) => o.value === current.outputs[k]!.value)) return next;
    current = next;
  }
}

/** A part of a stack. */
interface Part {
  readonly whole: Node;
  readonly axis: Axis;
  readonly index: number;
}

function partOf(node: Node): Part | null {
  if (node.op !== "pick" || node.attributes.axis.kind !== "stack") return null;
  return { whole: node.operands[0]!, ...node.attributes };
}

/** Neighbouring parts of a stack as one: the stack, or a slice of it, along the axis of that size. */
function runOf(part: Part, start: number, size: number, gateAxis: GateAxis): Node {
  const to = gateAxis(size);
  return build.fixedSize(part.axis) === size
    ? build.rename(part.whole, part.axis, to)
    : build.slice(part.whole, part.axis, start, to);
}

/** Whether neighbouring parts can have the axis of their number: not if the stack is also one along another axis. */
function fits(part: Part, size: number, gateAxis: GateAxis): boolean {
  return part.axis === gateAxis(size) || !build.hasAxis(part.whole, gateAxis(size));
}

/** Groups by a key, orders by index, and cuts where the indices jump; only runs of at least two. */
function runs<T extends { readonly key: string; readonly index: number }>(items: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.key);
    if (!group) groups.set(item.key, [item]);
    else if (!group.some((x) => x.index === item.index)) group.push(item);
  }
  return [...groups.values()].flatMap((group) => {
    const found: T[][] = [];
    for (const item of group.sort((a, b) => a.index - b.index)) {
      const last = found.at(-1);
      if (last && last.at(-1)!.index + 1 === item.index) last.push(item);
      else found.push([item]);
    }
    return found.filter((run) => run.length > 1);
  });
}

function numbering(): (x: object) => number {
  const ids = new Map<object, number>();
  return (x) => {
    if (!ids.has(x)) ids.set(x, ids.size);
    return ids.get(x)!;
  };
}

function renameStacks(graph: Graph): Graph {
  const id = numbering();
  const renamed = new Map<string, Node>();
  return rewriteGraph(graph, (node) => {
    if (node.op !== "rename") return node;
    const part = partOf(node.operands[0]!);
    const { from, to } = node.attributes;
    if (!part || build.hasAxis(part.whole, to)) return node;
    const key = `${id(part.whole)} ${id(from)} ${id(to)}`;
    let whole = renamed.get(key);
    if (!whole) renamed.set(key, (whole = build.rename(part.whole, from, to)));
    return build.pick(whole, part.axis, part.index);
  });
}

// ---- sums ---------------------------------------------------------------------------------------------------

/** A sum of a part and a part of another stack, or of a part and a parameter of its own. */
interface Sum {
  readonly node: Node;
  readonly key: string;
  /** Of the first summand in its stack. */
  readonly index: number;
  /** Which operands are the first and the second summand. */
  readonly order: readonly [0, 1] | readonly [1, 0];
  /** Of the second summand in its stack; null for a parameter. */
  readonly other: number | null;
}

function stackSums(graph: Graph, gateAxis: GateAxis, owner: Owner): Graph {
  const fitting = runs(findSums(graph, owner)).filter((run) =>
    run[0]!.node.operands.map(partOf).every((part) => !part || fits(part, run.length, gateAxis)),
  );
  const found = withWholeParameters(graph, fitting);
  const place = new Map<Node, { readonly run: readonly Sum[]; readonly index: number }>();
  for (const run of found) run.forEach((sum, index) => place.set(sum.node, { run, index }));
  if (place.size === 0) return graph;

  const made = new Map<readonly Sum[], Node>();
  return rewriteGraph(graph, (node, original) => {
    const at = place.get(original);
    if (!at) return node;
    const { run } = at;
    const size = run.length;
    let whole = made.get(run);
    if (!whole) {
      // Rewriting replaces only sums, and by parts; so what was a part still is one.
      const [first, second] = run[at.index]!.order.map((k) => node.operands[k]!) as [Node, Node];
      const { index, other } = run[0]!;
      const stacked = runOf(partOf(first)!, index, size, gateAxis);
      const beside =
        other === null
          ? mergeParameters(
              run.map((sum) => sum.node.operands[sum.order[1]] as Node<"param">),
              gateAxis(size),
            )
          : runOf(partOf(second)!, other, size, gateAxis);
      made.set(run, (whole = build.add(stacked, beside)));
    }
    return build.pick(whole, gateAxis(size), at.index);
  });
}

function mergeParameters(params: readonly Node<"param">[], axis: Axis): Node {
  const members = params.flatMap((p) => p.attributes.members);
  return build.mergedParam(mergedName(members.map((m) => m.name)), members, axis);
}

/** Parameters are laid side by side only if every run that has one of them has them all, and nothing else reads them. */
function withWholeParameters(graph: Graph, found: readonly Sum[][]): readonly Sum[][] {
  const id = numbering();
  const counts = readers(rootsOf(graph));
  const ofRun = (run: readonly Sum[]): readonly Node[] =>
    run[0]!.other === null ? run.map((sum) => sum.node.operands[sum.order[1]]!) : [];
  const reads = new Map<Node, string[]>();
  for (const run of found) {
    const params = ofRun(run);
    for (const param of params) reads.set(param, [...(reads.get(param) ?? []), params.map(id).join()]);
  }
  return found.filter((run) =>
    ofRun(run).every((param) => {
      const lists = reads.get(param)!;
      return new Set(lists).size === 1 && counts.get(param) === lists.length;
    }),
  );
}

function findSums(graph: Graph, owner: Owner): Sum[] {
  const roots = rootsOf(graph);
  const id = numbering();
  const sums: Sum[] = [];
  for (const node of topological(roots)) {
    if (node.op !== "binary" || node.attributes.fn !== "add") continue;
    const parts = node.operands.map(partOf) as [Part | null, Part | null];
    const wholes = parts.map((p) => (p ? id(p.whole) : null)) as [number | null, number | null];
    if (parts[0] && parts[1]) {
      if (wholes[0] === wholes[1]) continue;
      const order = wholes[0]! < wholes[1]! ? ([0, 1] as const) : ([1, 0] as const);
      const [a, b] = [parts[order[0]]!, parts[order[1]]!];
      const key = `${wholes[order[0]]} ${id(a.axis)} ${wholes[order[1]]} ${id(b.axis)} ${b.index - a.index}`;
      sums.push({ node, key, index: a.index, order, other: b.index });
      continue;
    }
    const order = parts[0] ? ([0, 1] as const) : ([1, 0] as const);
    const part = parts[order[0]];
    const param = node.operands[order[1]]!;
    if (!part || param.op !== "param" || param.attributes.stack !== null) continue;
    const whose = owner(param.attributes.name);
    const key = `${id(part.whole)} ${id(part.axis)} ${param.type.axes.map(id).join()} ${whose}`;
    sums.push({ node, key, index: part.index, order, other: null });
  }
  return sums;
}

// ---- elements -----------------------------------------------------------------------------------------------

function mergeElements(graph: Graph, gateAxis: GateAxis): Graph {
  const id = numbering();
  const slices = new Map<string, Node>();
  return rewriteScans(graph, (scan): Replacement | null => {
    const parts = build.scanParts(scan);
    const items = parts.elements.flatMap((element) => {
      const part = partOf(element.sequence);
      if (!part) return [];
      return [{ element, part, key: `${id(part.whole)} ${id(part.axis)}`, index: part.index }];
    });
    const found = runs(items).filter((run) => fits(run[0]!.part, run.length, gateAxis));
    if (found.length === 0) return null;

    const instead = new Map<Node, Node>();
    const added = found.map((run) => {
      const { key, index, part } = run[0]!;
      const axis = gateAxis(run.length);
      // Scans that read the same run read the same node.
      const name = `${key} ${index} ${run.length}`;
      let sequence = slices.get(name);
      if (!sequence) slices.set(name, (sequence = runOf(part, index, run.length, gateAxis)));
      const names = run.map(({ element }) => element.formal.attributes.name);
      const formal = build.element(mergedName(names), sequence.type, parts.axis);
      run.forEach(({ element }, k) => instead.set(element.formal, build.pick(formal, axis, k)));
      return { formal, sequence };
    });
    const roots = rewrite(bodyRoots(scan), (node) => node, instead);
    const made = build.scan(
      {
        ...parts,
        states: parts.states.map((s, k) => ({ ...s, next: roots[k]! })),
        elements: [...parts.elements.filter((e) => !instead.has(e.formal)), ...added],
        outputs: roots.slice(parts.states.length),
      },
      scan.label,
    );
    return resultsOf(made);
  });
}
