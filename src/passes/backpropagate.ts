/**
 * Reverse-mode differentiation of one level of the graph: the top, or the body of a scan. Nodes are visited from the
 * last to the first; each hands its cotangent's products to its operands, and only where a wanted value is reached.
 */
import { binary, concat, fixedSize, stack } from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { Scopes } from "../ir/graph/walk.ts";
import { sum } from "./vjp-scalar.ts";
import { joinSelected } from "./vjp-select.ts";
import { vjpScan } from "./vjp-scan.ts";
import { operandCotangent } from "./vjp.ts";

/** One differentiation of a whole graph. */
export interface Derivation {
  readonly scopes: Scopes;
  /** Every so many steps the cotangent of a state is cut; null: never. */
  readonly truncate: number | null;
  /** Whether of the forward values states alone are kept. */
  readonly recompute: boolean;
  /** Each scan to the one that puts its tape out too, which takes its place everywhere. */
  readonly taped: Map<Node, Node<"scan">>;
}

/** The nodes from which a wanted value is reached through derivatives. */
export function reaching(order: readonly Node[], wanted: Iterable<Node>, scopes: Scopes): ReadonlySet<Node> {
  const found = new Set(wanted);
  for (const node of order)
    if (carries(node) && scopes.reads(node).some((x) => found.has(x))) found.add(node);
  return found;
}

function carries(node: Node): boolean {
  if (node.type.dtype !== "f32" && node.type.dtype !== "tuple") return false;
  if (node.op === "unary") return !["floor", "sign", "step"].includes(node.attributes.fn);
  return node.op !== "stop";
}

/** Cotangents by node, to be summed when all have come. */
export class Cotangents {
  private readonly terms = new Map<Node, Node[]>();

  add(node: Node, cotangent: Node): void {
    const terms = this.terms.get(node);
    if (terms) terms.push(cotangent);
    else this.terms.set(node, [cotangent]);
  }

  of(node: Node): Node | null {
    const terms = this.terms.get(node);
    return terms ? sum(joinSelected(joinPlaces(terms), sum)) : null;
  }
}

/** Cotangents of a scan's results, by index. */
export interface ScanCotangents {
  readonly finals: ReadonlyMap<number, Node>;
  readonly outputs: ReadonlyMap<number, Node>;
}

/** From the seeds in `cotangents` down through `order`; what flows out of it is there afterwards. */
export function backpropagate(
  order: readonly Node[],
  reach: ReadonlySet<Node>,
  cotangents: Cotangents,
  derivation: Derivation,
): void {
  const behindSelect = new Set<Node>();
  const scans = new Map<Node, { finals: Map<number, Node>; outputs: Map<number, Node> }>();
  for (const node of order.toReversed()) {
    if (!reach.has(node)) continue;
    if (node.op === "scan") {
      const results = scans.get(node);
      if (results) vjpScan(node, results, reach, cotangents, derivation);
      continue;
    }
    const dy = node.operands.some((x) => reach.has(x)) ? cotangents.of(node) : null;
    if (!dy) continue;
    if (node.op === "result") {
      const scan = node.operands[0]!;
      const results = scans.get(scan) ?? { finals: new Map(), outputs: new Map() };
      scans.set(scan, results);
      const { part, index } = node.attributes;
      const of = part === "final" ? results.finals : results.outputs;
      const before = of.get(index);
      of.set(index, before ? binary("add", before, dy) : dy);
      continue;
    }
    const isBehind = behindSelect.has(node);
    node.operands.forEach((operand, k) => {
      const dx = reach.has(operand) ? operandCotangent(node, dy, k, isBehind) : null;
      if (!dx) return;
      cotangents.add(operand, dx);
      if (isBehind || node.op === "select") behindSelect.add(operand);
    });
  }
}

/** Places that fill an axis between them are a stack or a concatenation, without a zero to add. */
function joinPlaces(terms: readonly Node[]): readonly Node[] {
  const axes = new Set(terms.flatMap((term) => (term.op === "place" ? [term.attributes.axis] : [])));
  let rest = terms;
  for (const axis of axes) {
    const places = rest.filter(
      (term): term is Node<"place"> => term.op === "place" && term.attributes.axis === axis,
    );
    const joined = join(axis, places);
    if (joined) rest = [joined, ...rest.filter((term) => !places.includes(term as Node<"place">))];
  }
  return rest;
}

function join(axis: Axis, places: readonly Node<"place">[]): Node | null {
  const parts: { start: number; from: Axis | null; terms: Node[] }[] = [];
  for (const { attributes, operands } of places) {
    const same = parts.find((p) => p.start === attributes.start && p.from === attributes.from);
    if (same) same.terms.push(operands[0]!);
    else parts.push({ start: attributes.start, from: attributes.from, terms: [operands[0]!] });
  }
  parts.sort((a, b) => a.start - b.start);
  let end = 0;
  for (const { start, from } of parts) {
    if (start !== end) return null;
    end += from ? fixedSize(from) : 1;
  }
  if (end !== fixedSize(axis)) return null;
  const values = parts.map((part) => sum(part.terms));
  if (parts.every((part) => part.from === null)) return stack(values, axis);
  const from = parts.flatMap((part) => part.from ?? []);
  return from.length === parts.length ? concat(values, from, axis) : null;
}
