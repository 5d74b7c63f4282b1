/** A model that predicts the next step and looks ahead sees the answer; one that looks ahead elsewhere does not. */
import { expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";

const remarks = (source: string): readonly string[] =>
  check(source, "a.rnn", { assume: true }).diagnostics.map(({ message }) => message);

test.each([
  [
    "input text : char[T]\ntext >> embed(8) >> lstm(8) >> bidir >> softmax(next(text))",
    "`bidir` looks at later steps, and `next(text)` is one of them",
  ],
  [
    "target r : token(9)[L]\ninput s : token(9)[S]\nlet a = s >> embed(4) >> lstm(8) >> last\nprev(r) >> embed(8) >> lstm(8, init = a) >> bidir >> softmax(r)",
    "of `prev` they are the answers",
  ],
  [
    "input w : token(9)[T]\ntarget y : token(4)[T]\nconcat(w >> embed(4), prev(y) >> embed(4)) >> lstm(8) >> bidir >> softmax(y)",
    "of `prev` they are the answers",
  ],
  [
    "input w : token(9)[T]\nlet c = w >> embed(4) >> gru(4) >> last\nprev(w) >> embed(4) >> gru(4, init = c) >> reverse >> softmax(w)",
    "of `prev` they are the answers",
  ],
])("%s", (source, message) => {
  const [remark, ...others] = remarks(source);
  expect(remark).toContain(message);
  expect(others).toEqual([]);
});

test.each([
  "input text : char[T]\ntext >> embed(8) >> lstm(8) >> softmax(next(text))",
  "input s : token(9)[S]\ntarget r : token(9)[L]\nlet a = s >> embed(8) >> lstm(8) >> bidir\nprev(r) >> embed(8) >> lstm(16, init = a) >> softmax(r)",
  "input x : f32[T, 3]\ntarget y : token(4)[T]\nx >> lstm(8) >> bidir >> softmax(y)",
  // What looks ahead looks at the words alone, not at what is chosen.
  "input w : token(9)[T]\ntarget y : token(4)[T]\nlet a = w >> embed(8) >> lstm(8) >> bidir >> stack(2)\nconcat(a, prev(y) >> embed(4)) >> lstm(8) >> softmax(y)\ndecode { beam(4) }",
  "input w : token(9)[T]\nlet a = w >> embed(8) >> lstm(8) >> bidir\nprev(w) >> embed(4) >> lstm(8, init = a) >> softmax(w)",
])("%s is well", (source) => {
  expect(remarks(source)).toEqual([]);
});
