/**
 * Whatever is written, the front end answers: with a model or with diagnostics, never with an exception, and soon. And
 * programs put together by the rules mean something: they check without errors, and their graph verifies.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { wellTyped } from "./arbitrary.ts";

const folders = ["../errors/meaning", "../parser/programs", "../../examples"];
const programs = folders.flatMap((folder) => {
  const path = join(import.meta.dirname, folder);
  return readdirSync(path)
    .filter((name) => name.endsWith(".rnn"))
    .map((name) => readFileSync(join(path, name), "utf8"));
});

/** Names with their primes, numbers, strings, operators of two signs, and every other sign by itself. */
const tokensOf = (text: string): string[] =>
  text.replace(/#.*/gu, "").match(/[\p{L}_][\p{L}\p{N}_']*|\d[\d.e-]*|"[^"]*"|>>|[=!<>]=|\s+|./gu) ?? [];

const answers = (source: string): void => {
  const started = performance.now();
  const { model, diagnostics } = check(source, "fuzz.rnn", { assume: true });
  if (model) verify(model.graph);
  else expect(diagnostics.length).toBeGreaterThan(0);
  for (const { message, hint, file, span } of diagnostics) {
    expect(file).toBe("fuzz.rnn");
    expect(`${message} ${hint}`).not.toMatch(/\{\w+\}|undefined|\[object|NaN/u);
    expect(span.start).toBeGreaterThanOrEqual(0);
    expect(span.end).toBeLessThanOrEqual(source.length);
  }
  expect(performance.now() - started).toBeLessThan(5000);
};

const words = [...new Set(programs.flatMap(tokensOf))].filter((token) => token.trim() !== "");

describe("the front end never throws", () => {
  test("random tokens", () => {
    const program = fc.array(fc.constantFrom(...words), { maxLength: 40 });
    fc.assert(
      fc.property(program, (tokens) => answers(tokens.join(" "))),
      { numRuns: 500 },
    );
  });

  test("random statements after valid declarations", () => {
    const tail = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 12 });
    const head =
      "input x : f32[T, 3]\ninput w : token(7)[T]\ntarget y : token(5)[T]\nparam p[3] = ones\noutput z = x >> ";
    fc.assert(
      fc.property(tail, (tokens) => answers(head + tokens.join(" "))),
      { numRuns: 500 },
    );
  });

  test("valid programs with tokens changed, dropped or doubled", () => {
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom("drop", "double", "swap", "replace", "move"),
      by: fc.constantFrom(...words),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...programs), changes, (program, edits) => {
        const tokens = tokensOf(program);
        for (const { at, kind, by } of edits) {
          if (tokens.length === 0) return;
          const k = at % tokens.length;
          const [token] = kind === "double" ? [tokens[k]!] : tokens.splice(k, 1);
          if (kind === "double") tokens.splice(k, 0, token!);
          else if (kind === "swap") tokens.splice(k + 1, 0, token!);
          else if (kind === "replace") tokens.splice(k, 0, by);
          else if (kind === "move") tokens.splice((at * 7) % (tokens.length + 1), 0, token!);
        }
        answers(tokens.join(""));
      }),
      { numRuns: 1000 },
    );
  });
});

test("programs put together by the rules are good", () => {
  fc.assert(
    fc.property(wellTyped, (source) => {
      const { model, diagnostics } = check(source, "random.rnn", {});
      expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
      verify(model!.graph);
    }),
    { numRuns: 200 },
  );
});
