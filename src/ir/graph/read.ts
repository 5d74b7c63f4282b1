/**
 * Reads what `print` writes. Nodes are made by the builder, and the types written are compared with the types made, so
 * a text that reads is a graph that verifies.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import * as build from "./build.ts";
import type { ScanOp } from "./encode.ts";
import { labelOf } from "./encode.ts";
import { binaryFunctions, unaryFunctions } from "./eval-scalar.ts";
import { printType } from "./print.ts";
import type { Line } from "./read-line.ts";
import { readLine } from "./read-line.ts";
import type {
  Attributes,
  Axis,
  AxisSize,
  BinaryFunction,
  DType,
  Graph,
  Initialiser,
  Node,
  Op,
  Output,
  Parameter,
  ReduceFunction,
  Type,
  UnaryFunction,
} from "./types.ts";
import { axisKinds } from "./types.ts";

export function read(text: string): Graph {
  const lines = text
    .split("\n")
    .map((line, k) => ({ line, number: k + 1 }))
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, number }) => readLine(line, number));
  const reader: Reader = { lines, at: 0, axes: new Map(), parameters: new Map(), values: new Map() };
  return readGraph(reader);
}

interface Reader {
  readonly lines: readonly Line[];
  at: number;
  readonly axes: Map<string, Axis>;
  readonly parameters: Map<string, Parameter>;
  readonly values: Map<string, Node>;
}

const roles: Readonly<Record<Output["role"], true>> = {
  predict: true,
  loss: true,
  metric: true,
  gradient: true,
  carry: true,
};

function readGraph(reader: Reader): Graph {
  const first = reader.lines[reader.at++] ?? raise("there is no graph");
  first.expect("graph");
  const name = first.word();
  const outputs: Output[] = [];
  for (; reader.at < reader.lines.length; reader.at++) {
    const line = reader.lines[reader.at]!;
    if (line.accept("axis")) readAxis(line, reader);
    else if (line.accept("parameter")) readParameter(line, reader);
    else if (line.peek()?.startsWith("%")) readNode(line, reader);
    else {
      const role = line.word();
      if (!(role in roles)) line.fail(`${role} is no role`);
      const own = line.word();
      line.expect("=");
      outputs.push({ name: own, role: role as Output["role"], value: operand(line, reader) });
    }
    line.end();
  }
  return { name, outputs };
}

function raise(message: string): never {
  throw new CompilerBug(message);
}

function readAxis(line: Line, reader: Reader): void {
  const name = line.word();
  const kind = line.word() as Axis["kind"];
  if (!axisKinds.includes(kind)) line.fail(`${kind} is no kind of axis`);
  const order = line.number();
  const size = readSize(line, reader);
  // the batch is one object everywhere: lengths have it
  reader.axes.set(name, size.kind === "batch" ? build.batch : { name, kind, size, order });
}

function readSize(line: Line, reader: Reader): AxisSize {
  if (line.accept("ragged"))
    return { kind: "ragged", within: line.accept("within") ? axis(line, reader) : null };
  if (line.accept("batch")) return { kind: "batch" };
  if (!line.accept("linear")) return { kind: "fixed", size: line.number() };
  const of = axis(line, reader);
  line.expect("*");
  const times = line.number();
  line.expect("+");
  const plus = line.number();
  return { kind: "linear", of, times, plus, ...(line.accept("/") ? { by: line.number() } : {}) };
}

function readParameter(line: Line, reader: Reader): void {
  const name = line.word();
  const axes = axisList(line, reader);
  reader.parameters.set(name, { name, axes, initialiser: readInitialiser(line) });
}

function readInitialiser(line: Line): Initialiser {
  const kind = line.word() as Initialiser["kind"];
  switch (kind) {
    case "zeros":
    case "ones":
    case "glorot":
    case "he":
    case "orthogonal":
      return { kind };
    case "constant":
      return { kind, value: line.number() };
    case "identity":
      return { kind, scale: line.number() };
    case "normal":
      return { kind, deviation: line.number() };
    case "uniform":
      return { kind, bound: line.number() };
    default:
      kind satisfies never;
      return line.fail(`${String(kind)} is no initialiser`);
  }
}

function axis(line: Line, reader: Reader): Axis {
  const name = line.word();
  return reader.axes.get(name) ?? line.fail(`there is no axis ${name}`);
}

function axisList(line: Line, reader: Reader): Axis[] {
  line.expect("[");
  const found: Axis[] = [];
  while (!line.accept("]")) {
    found.push(axis(line, reader));
    line.accept(",");
  }
  return found;
}

function readType(line: Line, reader: Reader): Type {
  return { dtype: line.word() as DType, axes: axisList(line, reader) };
}

function operand(line: Line, reader: Reader): Node {
  const name = line.value() ?? line.fail("expected a value");
  return reader.values.get(name) ?? line.fail(`there is no %${name}`);
}

/** `as "label"`, else what the name says. */
function define(node: Node, name: string, line: Line, reader: Reader): Node {
  const { label: _, ...bare } = node;
  const label = line.accept("as") ? line.word() : labelOf(name);
  const made = (label === undefined ? bare : { ...bare, label }) as Node;
  reader.values.set(name, made);
  return made;
}

/** What stands between `=` and the end of a line. */
interface Call {
  readonly line: Line;
  readonly type: Type;
  readonly axes: readonly Axis[];
  readonly words: readonly string[];
  readonly operands: readonly Node[];
  readonly parameter: (name: string) => Parameter;
}

type Word = Exclude<Op, ScanOp | "unary" | "binary" | "result"> | "final" | "output";

function readNode(line: Line, reader: Reader): void {
  const name = line.value()!;
  if (line.accept("=")) return readScan(line, name, reader);
  line.expect(":");
  const type = readType(line, reader);
  line.expect("=");
  const op = line.word();
  const axes = line.peek() === "[" ? axisList(line, reader) : [];
  const words: string[] = [];
  while (line.peek() !== undefined && !line.peek()!.startsWith("%") && line.peek() !== "as")
    words.push(line.word());
  const operands: Node[] = [];
  for (let next = line.value(); next !== null; next = line.value()) {
    operands.push(reader.values.get(next) ?? line.fail(`there is no %${next}`));
    line.accept(",");
  }
  const parameter = (own: string): Parameter =>
    reader.parameters.get(own) ?? line.fail(`there is no parameter ${own}`);
  const made = makeNode(op, { line, type, axes, words, operands, parameter });
  if (printType(made.type) !== printType(type)) line.fail(`the type is ${printType(made.type)}`);
  define(made, name, line, reader);
}

function makeNode(op: string, call: Call): Node {
  const [a, b] = call.operands as [Node, Node];
  if (Object.hasOwn(unaryFunctions, op)) return build.unary(op as UnaryFunction, a);
  if (Object.hasOwn(binaryFunctions, op)) return build.binary(op as BinaryFunction, a, b);
  if (!Object.hasOwn(makers, op)) call.line.fail(`${op} is no op`);
  return makers[op as Word](call);
}

function numberAt(call: Call, k: number): number {
  const token = call.words[k] ?? call.line.fail("a number is missing");
  return token === "inf" ? Infinity : token === "-inf" ? -Infinity : Number(token);
}

const result = (part: Attributes["result"]["part"]) => (call: Call) => {
  const of = call.operands[0];
  if (of?.op !== "scan") return call.line.fail("not of a scan");
  return part === "final" ? build.finalState(of, numberAt(call, 0)) : build.scanOutput(of, numberAt(call, 0));
};

const makers: Readonly<Record<Word, (call: Call) => Node>> = {
  input: ({ words, type }) => build.input(words[0]!, type.dtype as DType, type.axes),
  param: ({ words, axes, parameter }) => {
    const members = words.slice(1).map(parameter);
    const node = axes[0] ? build.mergedParam(words[0]!, members, axes[0]) : build.param(members[0]!);
    return { ...node, attributes: { ...node.attributes, name: words[0]! } };
  },
  constant: (call) => build.constant(numberAt(call, 0), call.type.dtype as DType),
  iota: ({ axes }) => build.iota(axes[0]!),
  length: ({ axes }) => build.length(axes[0]!),
  random: (call) =>
    build.random(
      call.words[0] as Attributes["random"]["distribution"],
      numberAt(call, 1),
      call.type.axes,
      call.axes,
    ),
  select: ({ operands: [a, b, c] }) => build.select(a!, b!, c!),
  broadcast: ({ operands: [x], axes }) => build.broadcast(x!, axes),
  rename: ({ operands: [x], axes: [from, to] }) => build.rename(x!, from!, to!),
  reduce: ({ operands: [x], axes, words }) => build.reduce(words[0] as ReduceFunction, x!, axes),
  contract: ({ operands: [a, b], axes }) => build.contract(a!, b!, axes),
  stack: ({ operands, axes }) => build.stack(operands, axes[0]!),
  pick: (call) => build.pick(call.operands[0]!, call.axes[0]!, numberAt(call, 0)),
  slice: (call) => build.slice(call.operands[0]!, call.axes[0]!, numberAt(call, 0), call.axes[1]!),
  concat: ({ operands, axes }) => build.concat(operands, axes.slice(0, -1), axes.at(-1)!),
  place: (call) => build.place(call.operands[0]!, call.axes[0]!, numberAt(call, 0), call.axes[1] ?? null),
  gather: ({ operands: [table, indices], axes }) => build.gather(table!, indices!, axes[0]!),
  scatter: ({ operands: [indices, updates], axes }) =>
    build.scatter(indices!, updates!, axes[0]!, axes.slice(1)),
  shift: (call) => build.shift(call.operands[0]!, call.axes[0]!, numberAt(call, 0), numberAt(call, 1)),
  reverse: ({ operands: [x], axes }) => build.reverse(x!, axes[0]!),
  stop: ({ operands: [x] }) => build.stop(x!),
  final: result("final"),
  output: result("output"),
};

/** The block of a scan, down to its closing brace. */
function readScan(line: Line, name: string, reader: Reader): void {
  line.expect("scan");
  const [along] = axisList(line, reader);
  const reverse = line.accept("reverse");
  const label = line.accept("as") ? line.word() : labelOf(name);
  line.expect("{");
  let position = build.position();
  const states: { formal: Node<"state">; start: Node }[] = [];
  const elements: { formal: Node<"element">; sequence: Node }[] = [];
  const nexts: Node[] = [];
  const outputs: Node[] = [];
  for (;;) {
    const inner = reader.lines[++reader.at] ?? line.fail("the scan does not end");
    if (inner.accept("}")) break;
    if (inner.accept("position"))
      position = define(position, inner.value()!, inner, reader) as Node<"position">;
    else if (inner.accept("state"))
      states.push(
        readFormal(inner, reader, (own, type, start) => ({ formal: build.state(own, type), start })),
      );
    else if (inner.accept("element"))
      elements.push(
        readFormal(inner, reader, (own, _, sequence) => ({
          formal: build.element(own, sequence.type, along!),
          sequence,
        })),
      );
    else if (inner.accept("next")) nexts.push(operand(inner, reader));
    else if (inner.accept("output")) outputs.push(operand(inner, reader));
    else readNode(inner, reader);
    inner.end();
  }
  const made = build.scan(
    {
      axis: along!,
      reverse,
      position,
      states: states.map((s, k) => ({ ...s, next: nexts[k] ?? line.fail("a next is missing") })),
      elements,
      outputs,
    },
    label,
  );
  reader.values.set(name, made);
}

/** `name %formal: type = %from`. */
function readFormal<F extends { readonly formal: Node }>(
  line: Line,
  reader: Reader,
  make: (name: string, type: Type, from: Node) => F,
): F {
  const name = line.word();
  const own = line.value() ?? line.fail("expected a value");
  line.expect(":");
  const type = readType(line, reader);
  line.expect("=");
  const made = make(name, type, operand(line, reader));
  return { ...made, formal: define(made.formal, own, line, reader) };
}
