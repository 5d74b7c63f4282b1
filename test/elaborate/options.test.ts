/** How a call fills the options of a stage. */
import { describe, expect, test } from "vitest";
import { codesOf, namesOf, typesOf } from "./model.ts";

const x = "input x : f32[T, 3]\n";
const stage = `fn part(n, by = 2, how: sum | product = sum, twice: flag, act = tanh) (x) {
  y = affine(x, size = n * by)
  z = if how == sum then y + 1 else y * 2
  return act(if twice then concat(z, z) else z)
}
${x}`;

describe("options", () => {
  test.each([
    ["part(4)", "f32[T, 8]"],
    ["part(4, 3)", "f32[T, 12]"],
    ["part(by = 3, n = 4)", "f32[T, 12]"],
    ["part(twice, 4)", "f32[T, 16]"],
    ["part(4, twice = true)", "f32[T, 16]"],
    ["part(4, product)", "f32[T, 8]"],
    ["part(4, how = product, act = relu)", "f32[T, 8]"],
    ["part(|x|)", "f32[T, 6]"],
    ["part(2 * 3 - 1)", "f32[T, 10]"],
  ])("%s", (call, type) => {
    expect(typesOf(`${stage}output y = x >> ${call}`)).toEqual({ y: type });
  });
  test.each([
    ["part(4, 3, relu, 5)", "too-many-options"],
    ["part(4, 3, n = 5)", "option-twice"],
    ["part(4, twice, twice)", "option-twice"],
    ["part(4, how = mean)", "unknown-choice"],
    ["part(4, how = 3)", "unknown-choice"],
    ["part(4, twice = 1)", "flag-value"],
    ["part(4, thrice)", "unknown-option"],
    ["part(4, tims = 2)", "unknown-option"],
    ["part(by = 3)", "unknown-size"],
    ["part(0)", "size-wanted"],
    ["part(4, act = lstm)", "not-a-value"],
  ])("%s: %s", (call, code) => {
    expect(codesOf(`${stage}output y = x >> ${call}`)).toEqual([code]);
  });
  test("a definition passes its own options on", () => {
    const outer = `cell outer(n, peephole: flag) (x) { return lstm(n, peephole = peephole)(x) }\n${x}`;
    expect(namesOf(`${outer}x >> outer(4, peephole)`)).toContain("outer.lstm.i.diag.c");
    expect(namesOf(`${outer}x >> outer(4)`)).not.toContain("outer.lstm.i.diag.c");
  });
  test("an option may be a stage or a function", () => {
    const twice = `fn twice(f) (x) { return f(f(x)) }\n${x}`;
    expect(typesOf(`${twice}output y = x >> twice(tanh)`)).toEqual({ y: "f32[T, 3]" });
    expect(namesOf(`${twice}output y = x >> twice(dense(3))`)).toHaveLength(4);
  });
  test("training is known to the compiler", () => {
    const source = `fn noisy(x) { return if training then x + normal else x }\n${x}output y = x >> noisy`;
    expect(typesOf(source)).toEqual({ y: "f32[T, 3]" });
  });
  test.each([
    ["conv(4)", "argument-count"],
    ["conv(4, 3, 1, 1, 1)", "too-many-options"],
    ["conv(4, 3, padding = 1)", "unknown-option"],
    ["conv(4, 0)", "window-numbers"],
    ["conv(4, [3, 3])", "window-numbers"],
    ["conv(4, 3, pad = -1)", "window-numbers"],
    ["conv(4, 3, along = S)", "no-such-axis"],
    ["conv(0, 3)", "size-wanted"],
    ["pool", "argument-count"],
    ["pool(1.5)", "window-numbers"],
    ["pool(2, 2)", "too-many-options"],
  ])("%s is refused: %s", (stage, code) => {
    expect(codesOf(`${x}output y = x >> ${stage}`)).toEqual([code]);
  });
});
