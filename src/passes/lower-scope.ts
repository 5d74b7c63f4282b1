/**
 * The nodes of one level, an entry's or a scan's body, stored in the order of the graph: operands first, and what a
 * scan's body captures before the scan.
 */
import type { Node } from "../ir/graph/types.ts";
import type { Statement } from "../ir/kernel/types.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { unary } from "../ir/kernel/build.ts";
import { type Guard, guardsOf } from "./guards.ts";
import { type Context, isStored, nameOf, storeKernel } from "./lower-context.ts";
import { zero } from "./lower-expression.ts";
import { storeScan } from "./lower-scan.ts";
import { sharePlaces, storeNode } from "./lower-store.ts";
import type { Scope } from "./lower-uses.ts";

export function storeScope(c: Context, scope: Scope, out: Statement[]): void {
  const nodes = c.uses.order.filter((node) => c.uses.scopeOf(node) === scope);
  const guards = scope ? guardsOf(scope) : new Map<Node, readonly Guard[]>();
  sharePlaces(c, nodes);
  for (const node of nodes) {
    const own: Statement[] = [];
    if (node.op === "scan") storeScan(c, node, own);
    else if (node.op === "result") placeResult(c, node);
    else if (isStored(c, node)) storeNode(c, node, own);
    const guard = guards.get(node);
    if (!guard || own.length === 0) out.push(...own);
    else storeGuarded(c, node, guard, own, out);
  }
}

/** What some steps need is computed there; where all steps of it are kept, the others are zero. */
function storeGuarded(
  c: Context,
  node: Node,
  guard: readonly Guard[],
  statements: readonly Statement[],
  out: Statement[],
): void {
  const place = c.pull.places.get(node);
  branch(c, guard, statements, out);
  if (!place?.dims.some((d) => d.axis === null && d.offset !== null)) return;
  const clear = storeKernel(c, `${nameOf(node)} zeros`, node.type.axes, place, () => zero(node.type.dtype));
  const [first, ...rest] = guard;
  if (rest.length === 0) branch(c, [{ ...first!, taken: !first!.taken }], [clear], out);
  else out.splice(out.length - 1, 0, clear);
}

/** Statements under conditions of the step, together with those before that stand under the same. */
export function branch(
  c: Context,
  guard: readonly Guard[],
  statements: readonly Statement[],
  out: Statement[],
): void {
  const [first, ...rest] = guard;
  if (!first) return void out.push(...statements);
  const holds = c.pull.value(first.condition, new Map());
  const condition = c.pull.interner.intern(first.taken ? holds : unary("not", holds));
  const last = out.at(-1);
  const together = last?.kind === "if" && last.condition === condition ? [...last.then] : [];
  branch(c, rest, statements, together);
  const made: Statement = { kind: "if", condition, then: together };
  if (last?.kind === "if" && last.condition === condition) out[out.length - 1] = made;
  else out.push(made);
}

function placeResult(c: Context, node: Node<"result">): void {
  const found = c.results.get(node.operands[0]!);
  if (!found) throw new CompilerBug("a result before its scan");
  const { part, index } = node.attributes;
  c.pull.places.set(node, (part === "final" ? found.finals : found.outputs)[index]!);
}
