import { expect, test } from "vitest";
import { print } from "../../src/ir/graph/print.ts";
import { read } from "../../src/ir/graph/read.ts";
import { simplify } from "../../src/passes/simplify.ts";
import { expectSame, ragged } from "./compare.ts";

const axes = `graph rules
axis T time 0 ragged
axis B batch 0 batch
axis g stack 0 2
axis g.3 stack 1 3
axis n feature 0 4
axis m feature 1 4
parameter w [n] glorot
parameter W [n, m] glorot
`;

const inputs: Readonly<Record<string, string>> = {
  x: "f32[T, B, n] = input x",
  y: "f32[T, B, n] = input y",
  s: "f32[B, g, n] = input s",
  q: "f32[B, g.3, n] = input q",
  v: "f32[B, n] = input v",
  c: "bool[B, n] = input c",
  w: "f32[n] = param w w",
  W: "f32[n, m] = param W W",
};

/** The program over the inputs that it mentions; the value of the last line is the result. */
function graph(lines: string) {
  const body = lines
    .trim()
    .split("\n")
    .map((line) => line.trim());
  const used = Object.keys(inputs).filter((name) => body.some((line) => line.includes(`%${name}`)));
  const result = /^(%[^:]+):/.exec(body.at(-1)!)![1];
  const given = used.map((name) => `%${name}: ${inputs[name]}`);
  return read([axes, ...given, ...body, `predict result = ${result}`].join("\n"));
}

/** The lines of a graph, without its inputs and what precedes them. */
function shown(text: string): string {
  const lines = text.split("\n").filter((line) => line.includes("=") && !/= (input|param) /.test(line));
  return lines.map((line) => line.replace(/^predict result = /, "-> ").trim()).join("\n");
}

const rules: readonly (readonly [about: string, before: string, after: string])[] = [
  ["folds constants", "%1: f32[] = constant 2\n%2: f32[] = add %1, %1", "%0: f32[] = constant 4\n-> %0"],
  ["x · 1", "%1: f32[] = constant 1\n%2: f32[B, n] = mul %1, %v", "-> %v"],
  ["x + 0", "%1: f32[] = constant 0\n%2: f32[B, n] = add %v, %1", "-> %v"],
  ["x / 1", "%1: f32[] = constant 1\n%2: f32[B, n] = div %v, %1", "-> %v"],
  [
    "x · 0",
    "%1: f32[] = constant 0\n%2: f32[B, n] = mul %v, %1",
    "%0: f32[] = constant 0\n%1: f32[B, n] = broadcast [B, n] %0\n-> %1",
  ],
  ["--x", "%1: f32[B, n] = neg %v\n%2: f32[B, n] = neg %1", "-> %v"],
  ["x + -x'", "%1: f32[n] = neg %w\n%2: f32[B, n] = add %v, %1", "%0: f32[B, n] = sub %v, %w\n-> %0"],
  ["x²", "%1: f32[] = constant 2\n%2: f32[n] = pow %w, %1", "%0: f32[n] = mul %w, %w\n-> %0"],
  ["a choice of equals", "%2: f32[B, n] = select %c, %v, %v", "-> %v"],
  ["a choice made", "%1: bool[] = constant 0\n%2: f32[B, n] = select %1, %w, %v", "-> %v"],
  ["a choice made before", "%1: f32[B, n] = select %c, %v, %w\n%2: f32[B, n] = select %c, %1, %v", "-> %v"],
  [
    "repetition after arithmetic",
    "%1: f32[B, n] = broadcast [B] %w\n%2: f32[B, n] = tanh %1",
    "%0: f32[n] = tanh %w\n%1: f32[B, n] = broadcast [B] %0\n-> %1",
  ],
  [
    "repetition of a repetition",
    "%1: f32[B, n] = broadcast [B] %w\n%2: f32[T, B, n] = broadcast [T] %1",
    "%0: f32[T, B, n] = broadcast [T, B] %w\n-> %0",
  ],
  ["renaming there and back", "%1: f32[B, m] = rename [n, m] %v\n%2: f32[B, n] = rename [m, n] %1", "-> %v"],
  [
    "names only for a product",
    "%1: f32[B, m] = rename [n, m] %v\n%2: f32[m] = rename [n, m] %w\n%3: f32[B] = contract [m] %1, %2",
    "%0: f32[B] = contract [n] %v, %w\n-> %0",
  ],
  [
    "repetition beside a product",
    "%1: f32[T, B, n] = broadcast [T] %v\n%2: f32[T, B, m] = contract [n] %1, %W",
    "%0: f32[B, m] = contract [n] %v, %W\n%1: f32[T, B, m] = broadcast [T] %0\n-> %1",
  ],
  [
    "a product with ones",
    "%1: f32[] = constant 1\n%2: f32[n] = broadcast [n] %1\n%3: f32[B] = contract [n] %v, %2",
    "%0: f32[B] = reduce [n] sum %v\n-> %0",
  ],
  [
    "a sum of products",
    "%1: f32[T, n] = contract [B] %x, %y\n%2: f32[n] = reduce [T] sum %1",
    "%0: f32[n] = contract [T, B] %x, %y\n-> %0",
  ],
  [
    "a sum of sums",
    "%1: f32[T, B] = reduce [n] sum %x\n%2: f32[B] = reduce [T] sum %1",
    "%0: f32[B] = reduce [T, n] sum %x\n-> %0",
  ],
  ["a part of a stack", "%1: f32[g, n] = stack [g] %w, %w\n%2: f32[n] = pick [g] 1 %1", "-> %w"],
  [
    "a part of a slice",
    "%1: f32[B, g, n] = slice [g.3, g] 1 %q\n%2: f32[B, n] = pick [g] 1 %1",
    "%0: f32[B, n] = pick [g.3] 2 %q\n-> %0",
  ],
  [
    "a stack of all parts",
    "%1: f32[B, n] = pick [g] 0 %s\n%2: f32[B, n] = pick [g] 1 %s\n%3: f32[B, g, n] = stack [g] %1, %2",
    "-> %s",
  ],
  [
    "places of a stack",
    `%1: f32[B, g, n] = place [g] 0 %v
     %2: f32[g, n] = place [g] 1 %w
     %3: f32[B, g, n] = broadcast [B] %2
     %4: f32[B, g, n] = add %1, %3`,
    "%0: f32[B, n] = broadcast [B] %w\n%1: f32[B, g, n] = stack [g] %v, %0\n-> %1",
  ],
  [
    "a place on a place",
    `%1: f32[B, g, n] = place [g] 1 %v
     %2: f32[B, n] = tanh %v
     %3: f32[B, g, n] = place [g] 1 %2
     %4: f32[B, g, n] = add %1, %3`,
    "%0: f32[B, n] = tanh %v\n%1: f32[B, n] = add %v, %0\n%2: f32[B, g, n] = place [g] 1 %1\n-> %2",
  ],
  [
    "equal values",
    "%1: f32[B, n] = tanh %v\n%2: f32[B, n] = tanh %v\n%3: f32[B, n] = sub %1, %2",
    "%0: f32[B, n] = tanh %v\n%1: f32[B, n] = sub %0, %0\n-> %1",
  ],
  [
    "different draws",
    "%1: f32[B] = random normal 1\n%2: f32[B] = random normal 2\n%3: f32[B] = add %1, %2",
    "%0: f32[B] = random normal 1\n%1: f32[B] = random normal 2\n%2: f32[B] = add %0, %1\n-> %2",
  ],
  [
    "what a scan does not need",
    `%1: f32[] = constant 0
     %2: f32[B, n] = broadcast [B, n] %1
     %3 = scan [T] {
       position %4
       state a %a: f32[B, n] = %2
       state b %b: f32[B, n] = %2
       state k %k: f32[B, n] = %v
       element x %x.t: f32[B, n] = %x
       element x %x.u: f32[B, n] = %x
       element y %y.t: f32[B, n] = %y
       %5: f32[B, n] = add %x.t, %x.u
       %6: f32[B, n] = add %a, %5
       %7: f32[B, n] = add %6, %k
       %8: f32[B, n] = add %b, %y.t
       next %7
       next %8
       next %k
       output %8
     }
     %9: f32[B, n] = final 0 %3`,
    `%0: f32[] = constant 0
%1: f32[B, n] = broadcast [B, n] %0
%2 = scan [T] {
state a %a: f32[B, n] = %1
element x %x.t: f32[B, n] = %x
%4: f32[B, n] = add %x.t, %x.t
%5: f32[B, n] = add %a, %4
%6: f32[B, n] = add %5, %v
%7: f32[B, n] = final 0 %2
-> %7`,
  ],
  [
    "what only goes through a scan",
    `%1 = scan [T] {
       position %4
       state a %a: f32[B, n] = %v
       element x %x.t: f32[B, n] = %x
       %5: f32[B, n] = add %a, %x.t
       next %5
       output %x.t
     }
     %2: f32[T, B, n] = output 0 %1`,
    "-> %x",
  ],
  [
    "two scans of one loop",
    `%1 = scan [T] {
       position %4
       state a %a: f32[B, n] = %v
       element x %x.t: f32[B, n] = %x
       %5: f32[B, n] = add %a, %x.t
       next %5
       output %a
     }
     %2: f32[T, B, n] = output 0 %1
     %3 = scan [T] {
       position %6
       state a %b: f32[B, n] = %v
       element x %x.u: f32[B, n] = %x
       %7: f32[B, n] = add %b, %x.u
       next %7
     }
     %8: f32[B, n] = final 0 %3
     %9: f32[T, B, n] = mul %2, %8`,
    `%0 = scan [T] {
state a %a: f32[B, n] = %v
element x %x.t: f32[B, n] = %x
%2: f32[B, n] = add %a, %x.t
%3: f32[T, B, n] = output 0 %0
%4: f32[B, n] = final 0 %0
%5: f32[T, B, n] = mul %3, %4
-> %5`,
  ],
];

test.each(rules)("%s", (_, before, after) => {
  const given = graph(before);
  const simpler = simplify.run(given);
  expectSame(given, simpler, ragged);
  expect(shown(print(simpler))).toBe(after);
});
