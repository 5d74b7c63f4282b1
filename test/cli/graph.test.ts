/** Drawings of models: folded, unrolled in time, and with the gradients beside them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawPlan } from "../../src/cli/drawing/draw-plan.ts";
import { gradientOf, withGradients } from "../../src/cli/drawing/mirror.ts";
import { outlineModel } from "../../src/cli/drawing/model.ts";
import { planOf, textWidth, type Plan } from "../../src/cli/drawing/plan.ts";
import { unroll } from "../../src/cli/drawing/unroll.ts";
import { examples, sourceOf } from "../examples/example.ts";
import { folderWith, isFault, language, rnnc } from "./cli.ts";
import { faultOf } from "./svg.ts";

const outline = (source: string) => outlineModel({ file: "a.rnn", source }, {});
const plan = (source: string): Plan => planOf(outline(source), (box) => [gradientOf(box)]);

/** The labels of the boxes that an arrow joins. */
const joined = ({ boxes, routes }: Plan, kind: string): string[] => {
  const labels = new Map(boxes.map(({ box }) => [box.id, `${box.label}${/@\d+/u.exec(box.id)?.[0] ?? ""}`]));
  return routes
    .filter((route) => route.kind === kind)
    .map(({ from, to }) => `${labels.get(from)!} → ${labels.get(to)!}`);
};

function touches({ boxes, routes }: Plan): void {
  const byId = new Map(boxes.map((placed) => [placed.box.id, placed]));
  for (const { from, to, points } of routes)
    for (const [id, point] of [
      [from, points[0]!],
      [to, points.at(-1)!],
    ] as const) {
      const { x, y, width, height, box } = byId.get(id)!;
      const [dx, dy] = [Math.abs(point.x - x), Math.abs(point.y - y)];
      const onBorder = Math.abs(dy - height / 2) < 0.01 ? dx < width / 2 : Math.abs(dx - width / 2) < 0.01;
      expect(onBorder, `${box.label} at ${point.x}, ${point.y}`).toBe(true);
      expect(dy).toBeLessThan(height / 2 + 0.01);
    }
}

/** No label lies on a box or on another label. */
function labelsAreFree({ boxes, routes }: Plan): void {
  const labels = routes.flatMap(({ label, labelAt }) =>
    label === "" || !labelAt ? [] : [{ ...labelAt, width: textWidth(label, 11), height: 12, name: label }],
  );
  const others = boxes.map((b) => ({ ...b, name: b.box.label }));
  for (const [k, a] of labels.entries())
    for (const b of [...labels.slice(0, k), ...others])
      expect(
        Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2,
        `${a.name} on ${b.name}`,
      ).toBe(false);
}

describe.each(examples)("%s", (name) => {
  const folded = plan(sourceOf(name));
  const unrolled = unroll(folded, 3);
  const plans = [folded, unrolled, withGradients(folded), unrolled && withGradients(unrolled)];

  test("arrows begin and end at boxes, and the drawing is well-formed", () => {
    for (const each of plans) {
      if (each === null) continue;
      touches(each);
      expect(faultOf(drawPlan(each, name))).toBeNull();
    }
  });

  test("labels lie free", () => labelsAreFree(folded));
});

const translation = `input source : token(500)[S]
target reply : token(500)[L]
let memory = source >> embed(32) >> lstm(64)
prev(reply) >> embed(32) >> lstm(64, init = final(memory)) >> softmax(reply)
`;

describe("unrolled", () => {
  test("a recurrence is an arrow from step to step, what stands once reads the last", () => {
    const drawn = unroll(
      plan("input x : f32[T, 2]\ntarget y : token(3)\nx >> gru(4) >> last >> softmax(y)"),
      3,
    )!;
    expect(joined(drawn, "time")).toEqual(["gru@0 → gru@1", "gru@1 → gru@2"]);
    expect(joined(drawn, "flow")).toEqual([
      ...["x@0 → gru@0", "x@1 → gru@1", "x@2 → gru@2"],
      ...["gru@2 → last@2", "last@2 → softmax@2", "softmax@2 → y@2"],
    ]);
  });

  test("both directions, and the next step as target", () => {
    const tagger = "input x : f32[T, 2]\ntarget y : token(3)[T]\nx >> gru(4) >> bidir >> softmax(y)";
    expect(joined(unroll(plan(tagger), 2)!, "time").sort()).toEqual(["gru@0 → gru@1", "gru@1 → gru@0"]);
    expect(joined(unroll(plan(language), 3)!, "side")).toEqual(["text@1 → softmax@0", "text@2 → softmax@1"]);
  });

  test("a decoder starts where the encoder ends, and reads what came before", () => {
    const drawn = unroll(plan(translation), 3)!;
    expect(joined(drawn, "side")).toContain("memory = lstm@2 → lstm@0");
    expect(joined(drawn, "side").filter((arrow) => arrow.startsWith("memory"))).toHaveLength(1);
    expect(joined(drawn, "flow").filter((arrow) => arrow.startsWith("reply"))).toEqual([
      "reply@0 → prev@1",
      "reply@1 → prev@2",
    ]);
  });

  test("nothing to unroll where nothing recurs", () => {
    expect(unroll(plan("input x : f32[T, 2]\noutput y = x >> dense(3)"), 3)).toBeNull();
  });
});

describe("gradients", () => {
  test("flow from the loss to what learns, the other way round", () => {
    const drawn = withGradients(plan(translation))!;
    expect(joined(drawn, "gradient").sort()).toEqual(
      ["∂ softmax → ∂ lstm", "∂ lstm → ∂ embed", "∂ lstm → ∂ lstm", "∂ lstm → ∂ embed"].sort(),
    );
    const learned = drawn.boxes.filter(({ box }) => box.kind === "gradient").map(({ box }) => box.detail);
    expect(learned.sort()).toEqual(["∂E", "∂E", "∂W ∂b", "∂Wx ∂Wh ∂b", "∂Wx ∂Wh ∂b"]);
  });

  test("through time against its direction", () => {
    const drawn = withGradients(unroll(plan(language), 3)!)!;
    expect(joined(drawn, "gradient")).toEqual(
      expect.arrayContaining(["∂ lstm@1 → ∂ lstm@0", "∂ lstm@2 → ∂ lstm@1"]),
    );
    expect(joined(drawn, "gradient").some((arrow) => arrow.includes("text"))).toBe(false);
  });

  test("none without a loss, and none into what learns nothing", () => {
    expect(withGradients(plan("input x : f32[T, 2]\noutput y = x >> gru(3)"))).toBeNull();
    const drawn = withGradients(plan("input x : f32[T, 2]\ntarget y : f32[T, 2]\nx >> tanh >> regress(y)"))!;
    expect(joined(drawn, "gradient")).toEqual([]);
  });
});

describe("the command", () => {
  const cwd = folderWith({ "a.rnn": language, "b.rnn": "input x : f32[T, 2]\noutput y = x >> dense(3)\n" });

  test("draws all of it", async () => {
    const { code, out } = await rnnc(["graph", "a.rnn", "--unrolled", "4", "--bptt", "-o", "-"], { cwd });
    expect(code).toBe(0);
    expect(faultOf(out)).toBeNull();
    for (const words of ["t = 3", "forward", "backward", "∂ lstm"]) expect(out).toContain(`>${words}<`);
  });

  test.each([
    [["a.rnn", "-o", "n.png"], 2, "Pictures are SVG: write n.svg"],
    [["a.rnn", "--unrolled", "1"], 2, "at least 2"],
    [["a.rnn", "--unrolled", "99"], 2, "At most 24"],
    [["b.rnn", "--unrolled", "3"], 1, "nothing recurs"],
    [["b.rnn", "--bptt"], 1, "no gradient flows"],
  ])("%j is refused", async (args, code, message) => {
    const ran = await rnnc(["graph", ...args], { cwd });
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(message);
    expect(isFault(ran)).toBe(false);
    for (const name of ["n.png", "a.svg", "b.svg"]) expect(existsSync(join(cwd, name))).toBe(false);
  });
});
