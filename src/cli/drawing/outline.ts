/**
 * A program as boxes and arrows, folded: one box a stage with its modifiers, one for each input, target and result. What
 * a stage reads besides what flows into it (`init = memory`, the target of a loss) is an arrow of its own.
 */
import type { Argument, DataType, Expression, Pipe, Program, Span, Statement } from "../../parser/ast.ts";
import { partsOf } from "../../parser/expression-parts.ts";
import { namesIn, stageName } from "./expressions.ts";

export type BoxKind = "input" | "target" | "output" | "stage" | "loss" | "value" | "gradient";

export interface Box {
  readonly id: string;
  readonly kind: BoxKind;
  readonly label: string;
  /** Options and modifiers, in small. */
  readonly detail: string;
  /** Runs along a sequence: in one direction or in both. */
  readonly recurrent: "no" | "forwards" | "both";
  /** What flows out of it; empty where nobody knows. */
  readonly shape: string;
  /** What it learns: `Wx`, `Wh`, `b`. */
  readonly parameters: readonly string[];
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** The option through which it goes in; null for the pipeline itself. */
  readonly role: string | null;
}

export interface Outline {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

/** What outlining needs to know of the language. */
export interface Vocabulary {
  readonly cells: ReadonlySet<string>;
  readonly losses: ReadonlySet<string>;
  readonly modifiers: ReadonlySet<string>;
  /** The shape of what a stage gives, by its place in the source. */
  readonly shapeAt: (span: Span) => string;
  /** What a stage learns, by its place in the source. */
  readonly parametersAt: (span: Span) => readonly string[];
  /** What an output layer learns, by its name. */
  readonly parametersOf: (layer: string) => readonly string[];
  /** The shape of what is predicted for a target. */
  readonly predictionOf: (target: string) => string;
}

/** All pipelines that are drawn, as lists of stages; a value that is none is a list of one. */
export function pipesOf(program: Program): readonly (readonly Expression[])[] {
  return program.statements.flatMap((statement) => {
    const value =
      statement.kind === "let" || statement.kind === "output" || statement.kind === "pipeline"
        ? statement.value
        : null;
    if (value === null) return [];
    return value.kind === "pipe" ? [value.stages] : [[value]];
  });
}

export function outlineOf(program: Program, source: string, language: Vocabulary): Outline {
  const boxes: Box[] = [];
  const arrows: Arrow[] = [];
  const values = new Map<string, string>();
  const nets = new Map<string, Expression>();
  const cells = new Set(language.cells);
  const losses = new Set(language.losses);

  const add = (box: Omit<Box, "id" | "recurrent" | "parameters"> & Partial<Box>): string => {
    const id = `box${boxes.length}`;
    boxes.push({ recurrent: "no", parameters: [], ...box, id });
    return id;
  };
  const link = (from: string, to: string, role: string | null = null): void => {
    const known = arrows.findIndex((arrow) => arrow.from === from && arrow.to === to);
    const before = arrows[known]?.role;
    if (known < 0) arrows.push({ from, to, role });
    else if (before && role) arrows[known] = { from, to, role: `${before}, ${role}` };
  };
  const textOf = ({ start, end }: Span): string => source.slice(start, end).replace(/\s+/gu, " ");

  function data(statement: Extract<Statement, { kind: "input" | "target" }>): void {
    const { kind, name, type } = statement;
    values.set(
      name.name,
      add({ kind, label: name.name, detail: typeText(type, textOf), shape: axesText(type, textOf) }),
    );
  }

  /** Draws an expression and gives the box that its value comes from; null for what is only a stage or a constant. */
  function draw(expression: Expression): string | null {
    if (expression.kind === "parenthesised") return draw(expression.value);
    if (expression.kind === "name") return values.get(expression.name) ?? null;
    if (expression.kind === "pipe") return drawPipe(expression);
    const read = namesIn(expression).filter((name) => values.has(name));
    const callee = stageName(expression);
    const inner = expression.kind === "call" ? expression.arguments.map(({ value }) => draw(value)) : [];
    if (read.length === 0 && inner.every((id) => id === null)) return null;
    const label = expression.kind === "call" && callee !== null ? callee : shorten(textOf(expression.span));
    const parameters = language.parametersAt(expression.span);
    const id = add({
      kind: "value",
      label,
      detail: "",
      shape: language.shapeAt(expression.span),
      parameters,
    });
    for (const from of expression.kind === "call" ? inner : []) if (from !== null) link(from, id);
    if (!inner.some((from) => from !== null)) for (const name of read) link(values.get(name)!, id);
    return id;
  }

  function drawPipe(pipe: Pipe): string | null {
    const [first, ...rest] = pipe.stages as [Expression, ...Expression[]];
    let current = draw(first);
    if (current === null) return null;
    for (let k = 0; k < rest.length; k++) {
      const expression = rest[k]!;
      const modifiers: Expression[] = [];
      while (rest[k + 1] && language.modifiers.has(stageName(rest[k + 1]!) ?? "")) modifiers.push(rest[++k]!);
      current = drawStage(expression, modifiers, current);
    }
    return current;
  }

  function drawStage(expression: Expression, modifiers: readonly Expression[], from: string): string {
    const name = stageName(expression);
    const net = name === null ? undefined : nets.get(name);
    const used = namesWithin(expression, nets);
    const both = modifiers.some((modifier) => stageName(modifier) === "bidir");
    const recurs = used.some((word) => cells.has(word));
    const loss = name !== null && losses.has(name);
    const details = [
      ...(expression.kind === "call"
        ? expression.arguments.flatMap((argument) => ownText(argument) ?? [])
        : []),
      ...(net === undefined ? [] : [textOf(net.span)]),
    ].join(", ");
    const extra = modifiers.map(({ span }) => textOf(span));
    const { span } = modifiers.at(-1) ?? expression;
    const id = add({
      kind: loss ? "loss" : "stage",
      label: name ?? shorten(textOf(expression.span)),
      detail: [details, ...extra].filter((part) => part !== "").join(" · "),
      recurrent: !recurs ? "no" : both || used.includes("bidir") ? "both" : "forwards",
      shape: language.shapeAt(span),
      parameters: loss ? language.parametersOf(name) : language.parametersAt(span),
    });
    link(from, id);
    for (const argument of expression.kind === "call" ? expression.arguments : [])
      drawReads(argument, id, loss);
    if (loss) drawPrediction(expression, id);
    return id;
  }

  /** An argument that names values is an arrow; of a stage that reads some its name is left as a detail. */
  function ownText({ name, value, span }: Argument): string | null {
    if (!namesIn(value).some((read) => values.has(read))) return textOf(span);
    const inner = stageName(value);
    if (value.kind !== "call" || inner === null || inner === "next") return null;
    return name === null ? inner : `${name.name} = ${inner}`;
  }

  function drawReads({ name, value }: Argument, to: string, loss: boolean): void {
    const role = name?.name ?? (loss ? (stageName(value) === "next" ? "next" : "target") : "");
    for (const read of namesIn(value)) {
      const from = values.get(read);
      if (from !== undefined) link(from, to, role);
    }
  }

  /** A loss as output layer: in training it compares with its target, else it gives the prediction. */
  function drawPrediction(expression: Expression, from: string): void {
    const [first] = expression.kind === "call" ? expression.arguments : [];
    const target = first === undefined ? undefined : namesIn(first.value).find((name) => values.has(name));
    if (target === undefined)
      link(add({ kind: "target", label: "y", detail: "", shape: "" }), from, "target");
    const name = target ?? "y";
    const shape = language.predictionOf(name);
    const loss = boxes.findIndex(({ id }) => id === from);
    boxes[loss] = { ...boxes[loss]!, shape };
    link(from, add({ kind: "output", label: name, detail: "prediction", shape }));
  }

  function statement(part: Statement): void {
    switch (part.kind) {
      case "input":
      case "target":
        return data(part);
      case "let": {
        const before = boxes.length;
        const id = draw(part.value);
        const named = boxes.findIndex((box) => box.id === id);
        if (named >= before)
          boxes[named] = { ...boxes[named]!, label: `${part.name.name} = ${boxes[named]!.label}` };
        if (id === null) nets.set(part.name.name, part.value);
        else values.set(part.name.name, id);
        return;
      }
      case "net":
        return void nets.set(part.name.name, part.value);
      case "fn":
      case "cell":
      case "loss":
        if (part.kind === "cell") cells.add(part.name.name);
        if (part.kind === "loss") losses.add(part.name.name);
        return;
      case "output": {
        const from = part.value === null ? values.get(part.name.name) : draw(part.value);
        const id = add({ kind: "output", label: part.name.name, detail: "", shape: "" });
        if (from) link(from, id);
        if (part.value !== null) values.set(part.name.name, id);
        return;
      }
      case "minimize": {
        const detail = [part.net?.name ?? "", shorten(textOf(part.value.span))].filter(Boolean).join(": ");
        const id = add({ kind: "loss", label: "minimize", detail, shape: "" });
        for (const name of namesIn(part.value)) if (values.has(name)) link(values.get(name)!, id);
        return;
      }
      case "pipeline":
        return void draw(part.value);
      case "import":
      case "param":
      case "train":
      case "decode":
        return;
      default:
        return part satisfies never;
    }
  }

  if (!program.statements.some(({ kind }) => kind === "input"))
    values.set("x", add({ kind: "input", label: "x", detail: "f32[T, d]", shape: "T × d" }));
  for (const part of program.statements) statement(part);
  // A pipeline that starts with a stage reads the implied input.
  for (const part of program.statements) if (part.kind === "pipeline") drawImplied(part.value);
  return { boxes, arrows };

  function drawImplied(expression: Expression): void {
    const stages = expression.kind === "pipe" ? expression.stages : [expression];
    const start = values.get("x");
    if (start === undefined || draws(stages[0]!)) return;
    drawPipe({
      kind: "pipe",
      stages: [{ kind: "name", name: "x", span: expression.span }, ...stages],
      span: expression.span,
    });
  }

  function draws(expression: Expression): boolean {
    return namesIn(expression).some((name) => values.has(name));
  }
}

/** The names in a stage, those within the nets that it names included. */
function namesWithin(expression: Expression, nets: ReadonlyMap<string, Expression>): readonly string[] {
  return namesIn(expression).flatMap((name) => {
    const net = nets.get(name);
    return net === undefined ? [name] : [name, ...partsOf(net).flatMap((part) => namesIn(part))];
  });
}

const shorten = (text: string): string => (text.length > 36 ? `${text.slice(0, 35)}…` : text);

const typeText = (type: DataType, textOf: (span: Span) => string): string => shorten(textOf(type.span));

const axesText = (type: DataType, textOf: (span: Span) => string): string =>
  type.axes.map(({ span }) => textOf(span)).join(" × ");
