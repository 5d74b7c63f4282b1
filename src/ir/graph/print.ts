/**
 * The graph as text, one line a node, each after all it reads:
 *
 *   axis n feature 0 128
 *   %gates: f32[T, B, n] = contract [k] %x, %W
 *   %s = scan [T] {
 *     position %t
 *     state h %h: f32[B, n] = %start
 *     element x %x.t: f32[B, n] = %gates
 *     %y: f32[B, n] = tanh %x.t
 *     next %y
 *     output %y
 *   }
 *
 * Values are called by their labels, several of one label with numbers behind (`%h~2`), and by numbers without one.
 * Same graph, same text; and `print(read(print(graph)))` is `print(graph)`.
 */
import { axisOrder, scanParts } from "./build.ts";
import { encode, encodeInitialiser, isBare, isName, labelOf } from "./encode.ts";
import type { Axis, Graph, Node, Parameter, Type } from "./types.ts";
import type { Scopes } from "./walk.ts";
import { bodyRoots, scopes, topological } from "./walk.ts";

export function print(graph: Graph): string {
  const roots = graph.outputs.map((output) => output.value);
  const nodes = topological(roots);
  const printer: Printer = { scopes: scopes(), names: uniqueNames(nodes), counts: new Map(), lines: [] };
  printLevel(roots, () => true, "", printer);
  const outputs = graph.outputs.map((o) => `${o.role} ${word(o.name)} = ${reference(o.value, printer)}`);
  const parts = [
    [`graph ${word(graph.name)}`, ...axesOf(nodes).map(axisLine), ...parametersOf(nodes).map(parameterLine)],
    printer.lines,
    outputs,
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

interface Printer {
  readonly scopes: Scopes;
  /** Labels that are unique first, the others as the nodes come. */
  readonly names: Map<Node, string>;
  /** How many were named so far, by label and without. */
  readonly counts: Map<string, number>;
  readonly lines: string[];
}

function uniqueNames(nodes: readonly Node[]): Map<Node, string> {
  const byLabel = new Map<string, Node[]>();
  for (const node of nodes)
    if (node.label !== undefined && isName(node.label))
      byLabel.set(node.label, [...(byLabel.get(node.label) ?? []), node]);
  const unique = [...byLabel].filter(([, same]) => same.length === 1);
  return new Map(unique.map(([label, [node]]) => [node!, label]));
}

function reference(node: Node, printer: Printer): string {
  const known = printer.names.get(node);
  if (known !== undefined) return `%${known}`;
  const label = node.label !== undefined && isName(node.label) ? `${node.label}~` : "";
  const count = printer.counts.get(label) ?? 0;
  printer.counts.set(label, count + 1);
  const name = `${label}${label === "" ? count : count + 1}`;
  printer.names.set(node, name);
  return `%${name}`;
}

/** A label that cannot be a name goes behind. */
function suffix(node: Node, name: string): string {
  return node.label === labelOf(name.slice(1)) ? "" : ` as ${JSON.stringify(node.label)}`;
}

function printLevel(
  roots: readonly Node[],
  own: (node: Node) => boolean,
  indent: string,
  printer: Printer,
): void {
  for (const node of printer.scopes.level(roots)) {
    if (!own(node)) continue;
    switch (node.op) {
      case "state":
      case "element":
      case "position":
        continue;
      case "scan":
        printScan(node, indent, printer);
        continue;
      default: {
        const { word: op, axes, atoms } = encode(node);
        const list = axes.length > 0 ? [`[${axisNames(axes)}]`] : [];
        const operands = node.operands.map((x) => reference(x, printer)).join(", ");
        const parts = [op, ...list, ...atoms.map(atom), ...(operands ? [operands] : [])];
        const name = reference(node, printer);
        printer.lines.push(
          `${indent}${name}: ${printType(node.type)} = ${parts.join(" ")}${suffix(node, name)}`,
        );
      }
    }
  }
}

function printScan(scan: Node<"scan">, indent: string, printer: Printer): void {
  const { axis, reverse, position, states, elements, outputs } = scanParts(scan);
  const inside = printer.scopes.inside(scan);
  const line = (text: string): void => void printer.lines.push(`${indent}  ${text}`);
  const name = reference(scan, printer);
  printer.lines.push(
    `${indent}${name} = scan [${axisNames([axis])}]${reverse ? " reverse" : ""}${suffix(scan, name)} {`,
  );
  const formal = (kind: string, node: Node<"state" | "element">, from: Node): void => {
    const own = reference(node, printer);
    const start = reference(from, printer);
    line(
      `${kind} ${word(node.attributes.name)} ${own}: ${printType(node.type)} = ${start}${suffix(node, own)}`,
    );
  };
  const t = reference(position, printer);
  line(`position ${t}${suffix(position, t)}`);
  for (const s of states) formal("state", s.formal, s.start);
  for (const e of elements) formal("element", e.formal, e.sequence);
  printLevel(bodyRoots(scan), (node) => inside.has(node), `${indent}  `, printer);
  for (const s of states) line(`next ${reference(s.next, printer)}`);
  for (const output of outputs) line(`output ${reference(output, printer)}`);
  printer.lines.push(`${indent}}`);
}

const axisNames = (axes: readonly Axis[]): string => axes.map((axis) => word(axis.name)).join(", ");

const word = (text: string): string => (isBare(text) ? text : JSON.stringify(text));

const atom = (value: string | number): string =>
  typeof value === "string" ? word(value) : printNumber(value);

export function printNumber(value: number): string {
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

export const printType = (type: Type): string => `${type.dtype}[${axisNames(type.axes)}]`;

function axisLine(axis: Axis): string {
  const { size } = axis;
  const shown =
    size.kind === "fixed"
      ? String(size.size)
      : size.kind === "linear"
        ? `linear ${word(size.of.name)} * ${size.times} + ${size.plus}${size.by ? ` / ${size.by}` : ""}`
        : size.kind === "ragged" && size.within
          ? `ragged within ${word(size.within.name)}`
          : size.kind;
  return `axis ${word(axis.name)} ${axis.kind} ${axis.order} ${shown}`;
}

function parameterLine({ name, axes, initialiser }: Parameter): string {
  return `parameter ${word(name)} [${axisNames(axes)}] ${encodeInitialiser(initialiser).map(atom).join(" ")}`;
}

/** All axes that the text names, in canonical order, each after the one that its length follows. */
function axesOf(nodes: readonly Node[]): readonly Axis[] {
  const found = new Set<Axis>();
  const visit = (axis: Axis): void => {
    if (axis.size.kind === "linear") visit(axis.size.of);
    if (axis.size.kind === "ragged" && axis.size.within) visit(axis.size.within);
    found.add(axis);
  };
  const mentioned = nodes.flatMap((node) => {
    if (node.op === "scan") return [node.attributes.axis];
    if (node.op === "state" || node.op === "element" || node.op === "position") return node.type.axes;
    return [...node.type.axes, ...encode(node).axes];
  });
  for (const axis of [...new Set(mentioned)].sort(axisOrder)) visit(axis);
  return [...found];
}

function parametersOf(nodes: readonly Node[]): readonly Parameter[] {
  const all = nodes.flatMap((node) => (node.op === "param" ? node.attributes.members : []));
  return [...new Map(all.map((parameter) => [parameter.name, parameter])).values()];
}
