/** What the grammar means: precedences, where statements end, and what the signs are by their place. */
import { describe, expect, test } from "vitest";
import { printExpression } from "../../src/parser/print-expression.ts";
import type { Expression, Program } from "../../src/parser/ast.ts";
import { RnnParser } from "../../src/parser/grammar.ts";
import { parse } from "../../src/parser/parse.ts";
import { strip } from "./strip.ts";

function program(source: string): Program {
  const { program, diagnostics } = parse(source, "test.rnn");
  expect(diagnostics).toEqual([]);
  return program;
}

function expression(source: string): Expression {
  const [statement] = program(`let it = ${source}`).statements;
  if (statement?.kind !== "let") throw new Error("no let");
  return statement.value;
}

/** With parentheses around everything. */
function grouped(value: Expression): string {
  switch (value.kind) {
    case "unary":
      return `(${value.operator} ${grouped(value.operand)})`;
    case "binary":
      return `(${grouped(value.left)} ${value.operator} ${grouped(value.right)})`;
    case "if":
      return `(if ${grouped(value.condition)} then ${grouped(value.then)} else ${grouped(value.else)})`;
    case "pipe":
      return `(${value.stages.map(grouped).join(" >> ")})`;
    default:
      return printExpression(value);
  }
}

test("the grammar is unambiguous", () => {
  expect(() => new RnnParser(true)).not.toThrow();
});

describe("precedence", () => {
  test.each([
    ["a + b * c - d", "((a + (b * c)) - d)"],
    ["a - b - c", "((a - b) - c)"],
    ["a / b % c @ d", "(((a / b) % c) @ d)"],
    ["a ^ b ^ c", "(a ^ (b ^ c))"],
    ["-a ^ 2", "(- (a ^ 2))"],
    ["a ^ -b * c", "((a ^ (- b)) * c)"],
    ["-a * b", "((- a) * b)"],
    ["a - -b", "(a - (- b))"],
    ["not a == b and c or d", "(((not (a == b)) and c) or d)"],
    ["a or b and c", "(a or (b and c))"],
    ["a + 1 < b * 2", "((a + 1) < (b * 2))"],
    ["if a then b else c + d", "(if a then b else (c + d))"],
    ["if a then b else if c then d else e", "(if a then b else (if c then d else e))"],
    ["x >> if a then f else g >> h", "(x >> (if a then f else g) >> h)"],
    ["f(x)[t-1](y) ^ 2", "(f(x)[t-1](y) ^ 2)"],
  ])("%s", (source, meaning) => {
    expect(grouped(expression(source))).toBe(meaning);
  });
});

describe("statements", () => {
  const kinds = (source: string) => program(source).statements.map(({ kind }) => kind);

  test("need no line breaks", () => {
    expect(kinds("input x : f32 output y = x x >> f net g = h a = 1 train { } y >> g")).toEqual([
      ...["input", "output", "pipeline", "net", "let", "train", "pipeline"],
    ]);
  });
  test("go on where a token can continue an expression", () => {
    expect(kinds("let a = f\n(x)\n[t]\n- b")).toEqual(["let"]);
  });
  test("end before a name, and before `name =`", () => {
    expect(kinds("output fake\nx >> f\nlet a = b c = d")).toEqual(["output", "pipeline", "let", "let"]);
  });
  test("a body's equations may have axes", () => {
    const [cell] = program("cell f(n) (x) { state a[n], b = 0 c[t, k: 3] = x[t] d = c return d }").statements;
    expect(cell?.kind === "cell" && cell.body.map(({ kind }) => kind)).toEqual([
      ...["state", "equation", "equation", "return"],
    ]);
  });
  test("one parameter list makes a function, two a stage", () => {
    const [one, two] = program("fn f(x) { } fn g() (x) { }").statements;
    expect(one).toMatchObject({ options: null, inputs: [{ name: { name: "x" } }] });
    expect(two).toMatchObject({ options: [], inputs: [{ name: { name: "x" } }] });
  });
  test("flags and choices", () => {
    const [fn] = program("fn f(a: flag, b: one | two = two) (x) { }").statements;
    expect(fn).toMatchObject({
      options: [
        { choices: [], default: null },
        { choices: [{ name: "one" }, { name: "two" }], default: { name: "two" } },
      ],
    });
  });
  test("settings end where their values do", () => {
    const [train] = program(
      "train { clip norm 5 average batch 2 * 8 optimizer adam(1e-3) seed 1 }",
    ).statements;
    const settings = train?.kind === "train" ? train.settings : [];
    const texts = settings.map(({ key, values }) => [key.name, ...values.map(printExpression)].join(" "));
    expect(texts).toEqual(["clip norm 5", "average", "batch 2 * 8", "optimizer adam(1e-3)", "seed 1"]);
  });
});

describe("names and signs", () => {
  test("keywords are names before `=` in an argument list", () => {
    expect(expression("f(loss = 1, if = 2, x, state = 3)")).toMatchObject({
      arguments: [
        { name: { name: "loss" } },
        { name: { name: "if" } },
        { name: null },
        { name: { name: "state" } },
      ],
    });
  });
  test("letters of any script, digits and primes", () => {
    expect(expression("α' + β1 + 学習 + k'")).toMatchObject({ kind: "binary", right: { name: "k'" } });
  });
  test("composed and decomposed letters are one name", () => {
    expect(expression("e\u0301")).toMatchObject({ name: "\u00e9" });
  });
  test("a bar opens a length before an operand, and a filler after one", () => {
    expect(expression("a[|s| - 1, |t| | |u|]")).toMatchObject({
      indices: [{ kind: "binary" }, { kind: "length", of: { name: "t" } }],
      filler: { kind: "length", of: { name: "u" } },
    });
  });
  test("binders", () => {
    expect(expression("softmax(i, j: a[i] @ b[j])")).toMatchObject({
      binders: [{ name: "i" }, { name: "j" }],
      arguments: [{ name: null, value: { kind: "binary" } }],
    });
  });
  test("spans are where the text is", () => {
    const source = "let a = 1\nα >> lstm(128) >> ctc(y)";
    const [, pipeline] = program(source).statements;
    const stages =
      pipeline?.kind === "pipeline" && pipeline.value.kind === "pipe" ? pipeline.value.stages : [];
    expect(stages.map(({ span }) => source.slice(span.start, span.end))).toEqual([
      "α",
      "lstm(128)",
      "ctc(y)",
    ]);
  });
  test("line ends of any system", () => {
    const [unix, windows] = ["\n", "\r\n"].map((end) =>
      program(["# c", "a = 1", "", "b >> f # d"].join(end)),
    );
    expect(strip(windows)).toEqual(strip(unix));
  });
});
