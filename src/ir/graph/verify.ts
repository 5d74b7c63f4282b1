/**
 * Checks what every graph must be, after each pass: that types are what the ops make of their operands, that axes
 * are in order and their names unique, that formals stay in their scan, and that no scan captures a value with the
 * axis it scans (else hoisting, which gives a value that axis, would let the two meet).
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { axisOrder, hasAxis, lengthAxes, union, without } from "./build.ts";
import type { Axis, Graph, Node, Type } from "./types.ts";
import type { Scopes } from "./walk.ts";
import { bodyRoots, formals, remake, scopes, topological } from "./walk.ts";

export function verify(graph: Graph): void {
  const names = graph.outputs.map((output) => `${output.role} ${output.name}`);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined) throw new CompilerBug(`${graph.name}: two outputs ${twice}`);
  const order = topological(graph.outputs.map((output) => output.value));
  const complain: Complain = (node, message) => {
    const output = graph.outputs.find((o) => topological([o.value]).includes(node));
    const at = `${graph.name}, below ${output?.role} ${output?.name}`;
    throw new CompilerBug(`${message}\n  in ${describeNode(node)}\n  of ${at}`);
  };
  for (const node of order) {
    verifyType(node, complain);
    verifyReverse(node, complain);
  }
  verifyAxes(order, complain);
  verifyScopes(graph, order, complain);
}

type Complain = (node: Node, message: string) => never;

/** An op with its types, on one line. */
export function describeNode(node: Node): string {
  const operands = node.operands.map((x) => `${x.label ?? x.op}: ${describeType(x.type)}`);
  const label = node.label === undefined ? "" : ` "${node.label}"`;
  return `${describeType(node.type)} = ${node.op}${label} (${operands.join(", ")})`;
}

function describeType(type: Type): string {
  return `${type.dtype}[${type.axes.map((axis) => axis.name).join(", ")}]`;
}

function sameType(a: Type, b: Type): boolean {
  return a.dtype === b.dtype && a.axes.length === b.axes.length && a.axes.every((x, k) => x === b.axes[k]);
}

function verifyType(node: Node, complain: Complain): void {
  if (node.type.axes.some((axis, k) => k > 0 && axisOrder(node.type.axes[k - 1]!, axis) >= 0))
    complain(node, "the axes are not in canonical order, or one is there twice");
  if (node.op === "result") verifyResult(node, complain);
  const expected = leafType(node) ?? remade(node, complain).type;
  if (!sameType(expected, node.type)) complain(node, `the type should be ${describeType(expected)}`);
  if (node.op === "scan") verifyScan(node, complain);
}

function remade(node: Node, complain: Complain): Node {
  try {
    return remake(node, node.operands);
  } catch (error) {
    return complain(node, error instanceof Error ? error.message : String(error));
  }
}

/** Types of leaves that follow from their attributes; formals are checked with their scan. */
function leafType(node: Node): Type | null {
  switch (node.op) {
    case "param": {
      const { members, stack } = node.attributes;
      return { dtype: "f32", axes: union(members[0]!.axes, stack ? [stack] : []) };
    }
    case "constant":
      return { dtype: node.type.dtype, axes: [] };
    case "iota":
      return { dtype: "i32", axes: [node.attributes.axis] };
    case "length":
      return { dtype: "i32", axes: lengthAxes(node.attributes.axis) };
    case "position":
      return { dtype: "i32", axes: [] };
    case "random":
      return { dtype: "f32", axes: node.type.axes };
    default:
      return null;
  }
}

function verifyResult(node: Node<"result">, complain: Complain): void {
  const of = node.operands[0];
  if (of?.op !== "scan") return complain(node, "a result is of a scan");
  const { states, outputs } = of.attributes;
  const count = node.attributes.part === "final" ? states.length : outputs.length;
  if (!(node.attributes.index >= 0 && node.attributes.index < count))
    complain(node, `${node.attributes.part} ${node.attributes.index} of ${count}`);
}

function verifyScan(scan: Node<"scan">, complain: Complain): void {
  const { axis, states, elements, outputs } = scan.attributes;
  if (scan.operands.length !== states.length + elements.length)
    complain(
      scan,
      `${scan.operands.length} operands for ${states.length} states, ${elements.length} elements`,
    );
  states.forEach(({ formal, next }, k) => {
    const start = scan.operands[k]!;
    if (!sameType(start.type, formal.type) || !sameType(next.type, formal.type))
      complain(
        scan,
        `state ${formal.attributes.name} is ${describeType(formal.type)}, ` +
          `starts as ${describeType(start.type)}, goes on as ${describeType(next.type)}`,
      );
    if (hasAxis(formal, axis)) complain(formal, `a state has the scanned axis ${axis.name}`);
  });
  elements.forEach((formal, k) => {
    const { type } = scan.operands[states.length + k]!;
    const expected = { dtype: type.dtype, axes: without(type.axes, [axis]) };
    if (!sameType(formal.type, expected))
      complain(formal, `an element of ${describeType(type)} along ${axis.name}`);
  });
  for (const output of outputs)
    if (hasAxis(output, axis)) complain(output, `an output has the scanned axis ${axis.name}`);
}

/** Backwards is from the example's own end, so the value must know whose length it is. */
function verifyReverse(node: Node, complain: Complain): void {
  if (node.op !== "reverse") return;
  const { axis } = node.attributes;
  const missing = lengthAxes(axis).find((of) => !hasAxis(node, of));
  if (missing)
    complain(
      node,
      `${axis.name} ends differently for each of ${missing.name}, and the operand has no such axis`,
    );
}

function verifyAxes(order: readonly Node[], complain: Complain): void {
  const byName = new Map<string, Axis>();
  for (const node of order) {
    const axes = node.op === "scan" ? [node.attributes.axis] : node.type.axes;
    for (const axis of axes) {
      const other = byName.get(axis.name) ?? axis;
      if (other !== axis) complain(node, `two axes are named ${axis.name}`);
      byName.set(axis.name, axis);
    }
  }
}

function verifyScopes(graph: Graph, order: readonly Node[], complain: Complain): void {
  const scope = scopes();
  const owners = new Map<Node, Node>();
  for (const scan of order)
    if (scan.op === "scan") {
      for (const formal of formals(scan)) {
        if (owners.has(formal)) complain(formal, "a formal belongs to two scans, or to one twice");
        owners.set(formal, scan);
      }
      const { axis } = scan.attributes;
      const captured = scope.captures(scan).find((x) => hasAxis(x, axis));
      if (captured) complain(captured, `a scan over ${axis.name} captures a value with this axis`);
    }
  verifyLevel(
    graph.outputs.map((output) => output.value),
    new Set(),
    new Set(),
    scope,
    complain,
  );
}

/**
 * On each level only formals of the enclosing scans may be read. What a scan captures comes before it on its level,
 * so each scan is checked (and is `done`) at the outermost level that it stands on.
 */
function verifyLevel(
  roots: readonly Node[],
  bound: ReadonlySet<Node>,
  done: Set<Node>,
  scope: Scopes,
  complain: Complain,
): void {
  for (const node of scope.level(roots)) {
    const isFormal = node.op === "state" || node.op === "element" || node.op === "position";
    if (isFormal && !bound.has(node)) complain(node, "a formal escapes its scan");
    if (node.op !== "scan" || done.has(node)) continue;
    done.add(node);
    const inner = new Set([...bound, ...formals(node)]);
    verifyLevel(bodyRoots(node), inner, done, scope, complain);
  }
}
