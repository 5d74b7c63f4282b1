/**
 * The abstract syntax of a `.rnn` program: what was written, and where.
 *
 * Every node carries the span of its text, so that a diagnostic can point at it. Nothing here is resolved:
 * names are strings, sizes are expressions, and a modifier such as `bidir` is an ordinary stage of a pipeline.
 */

/** Half-open range of UTF-16 offsets into the source text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Comment {
  /** With its `#`, without the line break. */
  readonly text: string;
  readonly span: Span;
}

export interface Program {
  readonly statements: readonly Statement[];
  readonly comments: readonly Comment[];
  /** Offsets at which lines start: the printer keeps blank lines and remarks at the ends of lines. */
  readonly lineStarts: readonly number[];
  readonly span: Span;
}

/** A name as written at one place. */
export interface Identifier {
  readonly name: string;
  readonly span: Span;
}

// ---- statements -------------------------------------------------------------------------------------------

export type Statement =
  | ImportStatement
  | DataStatement
  | ParamStatement
  | BindingStatement
  | DefinitionStatement
  | OutputStatement
  | MinimizeStatement
  | SettingsStatement
  | PipelineStatement;

/** `import "cells.rnn"` */
export interface ImportStatement {
  readonly kind: "import";
  readonly path: string;
  readonly pathSpan: Span;
  readonly span: Span;
}

/** `input audio : f32[T, 39]`, `target tags : token(127)[T]` */
export interface DataStatement {
  readonly kind: "input" | "target";
  readonly name: Identifier;
  readonly type: DataType;
  readonly span: Span;
}

/** `f32[T, 39]`, `token(8000)[T]`, `token(doc)[Q]`, `char[T]`, `trigrams[T]`, `f32` */
export interface DataType {
  readonly base: "f32" | "token" | "char" | "trigrams";
  /** The vocabulary: a size, or the name of the data whose vocabulary this is. */
  readonly vocabulary: Expression | null;
  readonly axes: readonly AxisEntry[];
  readonly span: Span;
}

/**
 * One entry between the brackets of a type, a parameter, a state or a definition's parameter.
 * `T` and `k` are names without a size, `H: 28` and `i: 2 * m` names with one, `39` and `|y|` sizes alone
 * (a lone name is a `name`; whether it is an axis or a size is resolved later, by case and by scope).
 */
export interface AxisEntry {
  readonly name: Identifier | null;
  readonly size: Expression | null;
  readonly span: Span;
}

/** `param θ[64] = normal(0.1)`, at the top level or in a body. */
export interface ParamStatement {
  readonly kind: "param";
  readonly name: Identifier;
  readonly axes: readonly AxisEntry[];
  /** The initialiser; null means the default of its place. */
  readonly start: Expression | null;
  readonly span: Span;
}

/** `let memory = …`, `net encoder = …`, and at the top level also `name = …` (as `let`). */
export interface BindingStatement {
  readonly kind: "let" | "net";
  readonly name: Identifier;
  readonly value: Expression;
  /** Written without its keyword. */
  readonly bare: boolean;
  readonly span: Span;
}

/**
 * `fn dense(n, act = identity) (x) { … }`: two lists make a stage, one a function.
 * `options` is null where there is one list.
 */
export interface DefinitionStatement {
  readonly kind: "fn" | "cell" | "loss";
  readonly name: Identifier;
  readonly options: readonly Parameter[] | null;
  readonly inputs: readonly Parameter[];
  readonly body: readonly BodyStatement[];
  /** From the keyword to the `{`. */
  readonly headerSpan: Span;
  readonly span: Span;
}

/** `n`, `act = tanh`, `peephole: flag`, `reset: before | after = after`, `y[t]`, `e[t, k: |y| + 1]` */
export interface Parameter {
  readonly name: Identifier;
  /** Present for `: flag` (empty list) and for choices. */
  readonly choices: readonly Identifier[] | null;
  readonly axes: readonly AxisEntry[] | null;
  readonly default: Expression | null;
  readonly span: Span;
}

export type BodyStatement = ParamStatement | StateStatement | Equation | ReturnStatement | PredictStatement;

/** `state M[i: m, d] = M0, r[d]` */
export interface StateStatement {
  readonly kind: "state";
  readonly states: readonly StateDeclaration[];
  readonly span: Span;
}

export interface StateDeclaration {
  readonly name: Identifier;
  readonly axes: readonly AxisEntry[];
  readonly start: Expression | null;
  readonly span: Span;
}

/** `c = f * c[t-1] + i * g`, `α[t, k] = …`, `z[u: 2 * |i| + 1] = …` */
export interface Equation {
  readonly kind: "equation";
  readonly name: Identifier;
  readonly axes: readonly AxisEntry[] | null;
  readonly value: Expression;
  readonly span: Span;
}

export interface ReturnStatement {
  readonly kind: "return";
  readonly value: Expression;
  readonly span: Span;
}

export interface PredictStatement {
  readonly kind: "predict";
  readonly value: Expression;
  readonly span: Span;
}

/** `output logits = memory >> dense(127)`, `output fake` */
export interface OutputStatement {
  readonly kind: "output";
  readonly name: Identifier;
  readonly value: Expression | null;
  readonly span: Span;
}

/** `minimize bce(copy, image) + …`, `minimize D : bce(D(real), 1)` */
export interface MinimizeStatement {
  readonly kind: "minimize";
  readonly net: Identifier | null;
  readonly value: Expression;
  readonly span: Span;
}

/** `train { optimizer adam(1e-3)  clip norm 5 }`, `decode { beam(8) }` */
export interface SettingsStatement {
  readonly kind: "train" | "decode";
  readonly settings: readonly Setting[];
  readonly span: Span;
}

/** `clip norm 5` is the key `clip` with the words and values after it; in `decode`, `beam(8)` is the key `beam` with a call's arguments. */
export interface Setting {
  readonly key: Identifier;
  /** `clip norm 5`: `norm`, `5`; `optimizer adam(1e-3)`: the call; `beam(8)`: none. */
  readonly values: readonly Expression[];
  /** `sample(temperature = 0.8)`: the arguments, null where there are no parentheses after the key. */
  readonly arguments: readonly Argument[] | null;
  readonly span: Span;
}

/** A pipeline on its own: `audio >> lstm(128) >> ctc(text)` */
export interface PipelineStatement {
  readonly kind: "pipeline";
  readonly value: Expression;
  readonly span: Span;
}

// ---- expressions ------------------------------------------------------------------------------------------

export type Expression =
  | NumberLiteral
  | StringLiteral
  | Name
  | Length
  | Unary
  | Binary
  | Conditional
  | Pipe
  | Call
  | Index
  | List
  | Parenthesised;

export interface NumberLiteral {
  readonly kind: "number";
  /** `inf` is a number too. */
  readonly value: number;
  /** As written, for canonical printing. */
  readonly text: string;
  readonly span: Span;
}

export interface StringLiteral {
  readonly kind: "string";
  readonly value: string;
  readonly span: Span;
}

export interface Name {
  readonly kind: "name";
  readonly name: string;
  readonly span: Span;
}

/** `|x|`: the length of an axis, or the size of a vocabulary or feature. */
export interface Length {
  readonly kind: "length";
  readonly of: Identifier;
  readonly span: Span;
}

export interface Unary {
  readonly kind: "unary";
  readonly operator: "-" | "not";
  readonly operand: Expression;
  readonly span: Span;
}

export type BinaryOperator =
  "+" | "-" | "*" | "/" | "%" | "@" | "^" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "and" | "or";

export interface Binary {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}

export interface Conditional {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: Expression;
  readonly else: Expression;
  readonly span: Span;
}

/** `a >> f >> g` is one node with three stages. */
export interface Pipe {
  readonly kind: "pipe";
  readonly stages: readonly Expression[];
  readonly span: Span;
}

/** `f(x)`, `dense(20, relu)(x)`, `attention(luong, over = memory)`, `sum(s: a[s] * memory[s])` */
export interface Call {
  readonly kind: "call";
  readonly callee: Expression;
  /** `softmax(i, j: …)` has the binders `i` and `j`; empty for an ordinary call. */
  readonly binders: readonly Identifier[];
  readonly arguments: readonly Argument[];
  readonly span: Span;
}

export interface Argument {
  readonly name: Identifier | null;
  readonly value: Expression;
  readonly span: Span;
}

/** `h[t-1]`, `y[-1]`, `x[u-1 | -inf]`, `U[g, j]`, `normal[64]` */
export interface Index {
  readonly kind: "index";
  readonly operand: Expression;
  readonly indices: readonly Expression[];
  readonly filler: Expression | null;
  readonly span: Span;
}

/** `[1, 2, 4, 8]`: numbers that the compiler knows. */
export interface List {
  readonly kind: "list";
  readonly items: readonly Expression[];
  readonly span: Span;
}

/** Kept, because parentheses around a pipeline say what a modifier modifies. */
export interface Parenthesised {
  readonly kind: "parenthesised";
  readonly value: Expression;
  readonly span: Span;
}
