/** The kernel interpreter on lowered graphs agrees with the graph's evaluator. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/ir/graph/build.ts";
import { check, loopBodies } from "./harness.ts";
import * as m from "./models.ts";

const ragged = { batch: 3, lengths: { T: [4, 2, 5] }, classes: 7 };
const { B, T, S, d, n, v } = m;

describe("lower", () => {
  test("a dense layer is one product and one kernel", () => {
    const y = g.unary("tanh", m.affine(g.input("x", "f32", [B, d]), "dense", d, n));
    const program = check(m.graphOf(["y", y]), { batch: 3 });
    expect(program.entries[0]!.body.map((s) => s.kind)).toEqual(["product", "kernel"]);
  });

  test("an elman layer, its output and its final state", () => {
    for (const reverse of [false, true])
      for (const axis of [T, S]) {
        const { h, last } = m.elman(m.sequence(axis), axis, reverse);
        const bodies = loopBodies(check(m.graphOf(["h", h], ["last", last]), ragged));
        expect(bodies).toHaveLength(1);
      }
  });

  test("only the final state of an elman layer", () => {
    check(m.graphOf(["last", m.elman(m.sequence(), T).last]), ragged);
  });

  test("an lstm with and without peepholes", () => {
    for (const peephole of [false, true]) {
      const { h, last } = m.lstm(m.sequence(), T, { peephole });
      check(m.graphOf(["h", h], ["last", last]), ragged);
      check(m.graphOf(["last", last]), ragged);
    }
  });

  test("a gru", () => {
    check(m.graphOf(["h", m.gru(m.sequence(), T).h]), ragged);
  });

  test("embedding, projection and cross-entropy", () => {
    const embedded = g.gather(m.weight("E", v, d), m.targets(), v);
    const { h } = m.elman(embedded, T);
    const logits = m.affine(h, "out", n, v);
    const loss = m.crossEntropy(logits, g.shift(m.targets(), T, -1), T);
    check(m.graphOf(["logits", logits], ["loss", loss, "loss"]), ragged);
  });

  test("a tied embedding is packed", () => {
    const E = m.weight("E", v, d);
    const x = g.gather(E, m.targets(), v);
    check(m.graphOf(["y", g.contract(x, E, [d])]), ragged);
  });

  test("shift, reverse, slice, concat, stack, place", () => {
    const x = m.sequence();
    const two = g.fixedAxis("two", 2, 5);
    const five = g.fixedAxis("five", 5, 6);
    const pair = g.fixedAxis("pair", 2, 0, "stack");
    const cut = g.slice(x, d, 1, two);
    check(
      m.graphOf(
        ["later", g.shift(x, T, 1, 2)],
        ["sooner", g.shift(x, T, -2)],
        ["reversed", g.reverse(x, T)],
        ["joined", g.concat([x, cut], [d, two], five)],
        ["stacked", g.stack([x, g.unary("tanh", x)], pair)],
        ["placed", g.place(cut, d, 1, two)],
        ["put", g.place(g.pick(x, d, 2), d, 0, null)],
        ["steps", g.reduce("argmax", x, [d])],
        ["any", g.binary("lt", g.length(T), g.broadcast(g.constant(5, "i32"), [B]))],
      ),
      ragged,
    );
  });

  test("scatter sums what meets", () => {
    const rows = g.scatter(m.targets(), m.sequence(), v, [T, B]);
    const each = g.scatter(m.targets(), m.sequence(), v, [T]);
    check(m.graphOf(["rows", rows], ["each", each]), ragged);
  });

  test("random numbers", () => {
    const x = m.sequence();
    const drawn = g.random("uniform", 11, x.type.axes, [T]);
    const { h } = m.recur(x, T, ["h"], (e, [h]) => [
      g.add(g.mul(h!, g.random("normal", 12, h!.type.axes, [T])), m.affine(e, "in", d, n)),
    ]);
    check(m.graphOf(["y", g.mul(x, drawn)], ["h", h]), ragged);
  });

  test("states that swap", () => {
    const x = m.sequence();
    const { last } = m.recur(m.affine(x, "in", d, n), T, ["a", "b", "c"], (e, [a, b, c]) => [
      b!,
      g.add(a!, e),
      g.add(c!, g.mul(a!, b!)),
    ]);
    check(m.graphOf(["last", last]), ragged);
  });

  test("a linear recurrence", () => {
    const { h, last } = m.recur(m.affine(m.sequence(), "in", d, n), T, ["h"], (e, [h]) => [
      g.add(e, g.contract(m.weight("U", n, m.n2), g.rename(h!, n, m.n2), [m.n2])),
    ]);
    check(m.graphOf(["h", h]), ragged);
    check(m.graphOf(["last", last]), ragged);
  });

  test("attention is a reduction with batch axes", () => {
    const x = m.sequence();
    const q = g.input("q", "f32", [B, d]);
    const score = g.contract(x, q, [d]);
    const norm = g.broadcast(g.reduce("logsumexp", score, [T]), [T]);
    const weights = g.unary("exp", g.sub(score, norm));
    check(m.graphOf(["c", g.contract(weights, x, [T])]), ragged);
  });

  test("a mean over steps counts no held states", () => {
    check(m.graphOf(["mean", g.reduce("sum", m.elman(m.sequence(), T).h, [T])]), ragged);
  });

  test("a carried state is written at the end", () => {
    const a = g.input("a", "f32", [B, d]);
    const b = g.input("b", "f32", [B, d]);
    const sum = g.add(a, b);
    check(m.graphOf(["sum", sum], ["a", b, "carry"], ["b", sum, "carry"]), { batch: 2 });
  });
});
