/**
 * merge-gates: products that share an operand become one, their weights laid out side by side.
 *
 *   %1 = add (contract [d] %x, %i.Wx), %i.b     becomes     %1 = contract [d] %x, %{i,f}.Wx
 *   %2 = add (contract [d] %x, %f.Wx), %f.b                 %2 = add %1, %{i,f}.b
 *                                                           %3 = pick [gate.2] 0 %2
 *                                                           %4 = pick [gate.2] 1 %2
 *
 * One product of four times the width keeps a kernel busy that four narrow ones leave idle (Appleyard et al. 2016, §3.1).
 * From the products the stacks spread: elements that are parts of one sequence become one element, and sums of
 * parts become parts of one sum (stacked-sums.ts). Where two products of different numbers of gates meet, as in a
 * GRU or at the two directions, the smaller one's gates stand side by side in the larger one (gate-order.ts).
 *
 * Needs: to come after hoist, so that the products of all steps are outside. Makes true: no two products of one value with parameters of one shape that only they read; an LSTM
 * has one product in its body, and one outside.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node, Parameter } from "../ir/graph/types.ts";
import { rewriteGraph, topological } from "../ir/graph/walk.ts";
import { readers, rootsOf } from "./body.ts";
import { orderGates } from "./gate-order.ts";
import { weightOf } from "./gate-weight.ts";
import { interner } from "./intern.ts";
import { mergedName } from "./merged-name.ts";
import { partAxes } from "./part-axis.ts";
import type { Pass } from "./pass.ts";
import { spreadStacks, type Owner } from "./stacked-sums.ts";

/** `owner`: whose a parameter is, by its name; parameters of different owners are trained apart and not laid side by side. */
export function makeMergeGates(owner: Owner): Pass {
  return {
    name: "merge-gates",
    about: "Makes one product of those that share an operand, with their weights side by side.",
    run: (graph) => {
      const partAxis = partAxes(graph);
      const gateAxis = (size: number): Axis => partAxis(size, { name: "gate", kind: "stack", order: 0 });
      // What left different loops as equal values is one operand.
      const shared = rewriteGraph(graph, interner());
      return spreadStacks(mergeProducts(shared, gateAxis, owner), gateAxis, owner);
    },
  };
}

export const mergeGates: Pass = makeMergeGates(() => 0);

/** Products of one value with parameters of one shape over the same axes. */
export interface Group {
  readonly products: readonly Node<"contract">[];
}

function mergeProducts(graph: Graph, gateAxis: (size: number) => Axis, owner: Owner): Graph {
  // A value that is itself a stack of as many gates cannot have their axis twice.
  const found = findGroups(graph, owner).filter(
    ({ products }) => !products.some((p) => build.hasAxis(p, gateAxis(products.length))),
  );
  const groups = orderGates(graph, found);
  const place = new Map<Node, { readonly group: Group; readonly index: number }>();
  for (const group of groups) group.products.forEach((node, index) => place.set(node, { group, index }));

  const made = new Map<Group, Node>();
  return rewriteGraph(graph, (node, original) => {
    const at = place.get(original);
    if (!at || node.op !== "contract") return node;
    const { group, index } = at;
    const axis = gateAxis(group.products.length);
    let product = made.get(group);
    if (!product) {
      const members = group.products.map((p) => parameterOf(weightOf(p)!));
      const weights = build.mergedParam(mergedName(members.map((m) => m.name)), members, axis);
      const x = node.operands[node.operands[0] === weightOf(original as Node<"contract">) ? 1 : 0]!;
      made.set(group, (product = build.contract(x, weights, node.attributes.axes)));
    }
    return build.pick(product, axis, index);
  });
}

function findGroups(graph: Graph, owner: Owner): Group[] {
  const counts = readers(rootsOf(graph));
  const ids = new Map<object, number>();
  const id = (x: object): number => {
    if (!ids.has(x)) ids.set(x, ids.size);
    return ids.get(x)!;
  };
  const groups = new Map<string, Node<"contract">[]>();
  for (const node of topological(rootsOf(graph))) {
    if (node.op !== "contract") continue;
    const weight = weightOf(node);
    if (!weight) continue;
    const x = node.operands.find((operand) => operand !== weight)!;
    const shape = [[x], node.attributes.axes, weight.type.axes].map((list) => list.map(id).join());
    const key = [...shape, owner(parameterOf(weight).name)].join("|");
    const group = groups.get(key);
    if (group) group.push(node);
    else groups.set(key, [node]);
  }
  return wholeGroups([...groups.values()], counts).map((products) => ({ products }));
}

/**
 * A joint graph multiplies a weight in several entries, each with its own operand. Weights are laid side by side
 * if they meet every one of those operands together, and are read by nothing else.
 */
function wholeGroups(
  found: readonly (readonly Node<"contract">[])[],
  counts: ReadonlyMap<Node, number>,
): Node<"contract">[][] {
  const places = new Map<Node, number[]>();
  found.forEach((products, k) => {
    for (const p of products) places.set(weightOf(p)!, [...(places.get(weightOf(p)!) ?? []), k]);
  });
  return found.flatMap((products) => {
    const sets = new Map<string, Node<"contract">[]>();
    for (const product of products) {
      const weight = weightOf(product)!;
      const own = places.get(weight)!;
      if (counts.get(weight) !== own.length || new Set(own).size !== own.length) continue;
      sets.set(own.join(), [...(sets.get(own.join()) ?? []), product]);
    }
    return [...sets.values()].filter((set) => set.length > 1);
  });
}

const parameterOf = (node: Node<"param">): Parameter => node.attributes.members[0]!;
