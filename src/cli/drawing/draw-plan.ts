/**
 * A plan as SVG. Inputs, targets and results have a colour and a shape each; in a folded drawing a recurrence is a loop at
 * its box's side.
 */
import { curveBumpX, curveBumpY, line } from "d3-shape";
import type { Box, BoxKind } from "./outline.ts";
import {
  margin,
  textWidth,
  type PlacedBox,
  type Plan,
  type Point,
  type Route,
  type RouteKind,
} from "./plan.ts";
import { drawing, element, text, type Attributes } from "./svg.ts";

const colors: Readonly<Record<BoxKind, { readonly fill: string; readonly stroke: string }>> = {
  input: { fill: "#e4eefb", stroke: "#3b6fb6" },
  target: { fill: "#fdf0e2", stroke: "#d1672a" },
  output: { fill: "#e5f4e8", stroke: "#2f8a4c" },
  stage: { fill: "#ffffff", stroke: "#8390a0" },
  loss: { fill: "#fff7f0", stroke: "#d1672a" },
  value: { fill: "#f6f7f9", stroke: "#a8b2bd" },
  gradient: { fill: "#fdeef0", stroke: "#b3344c" },
};

const inks: Readonly<Record<RouteKind, string>> = {
  flow: "#5b6673",
  side: "#a8b2bd",
  time: "#7b4fb3",
  gradient: "#b3344c",
};

const style = [
  "text{fill:#1f2933;font-size:14px}",
  ".detail{fill:#5b6673;font-size:11.5px}",
  ".shape{fill:#5b6673;font-size:11px}",
  ".key{fill:#5b6673;font-size:11.5px}",
  ".heading{fill:#5b6673;font-size:13px;font-weight:600}",
].join("");

export function drawPlan(plan: Plan, title: string): string {
  const key = keyOf(plan);
  const size = { width: Math.max(plan.width, keyWidth(key) + 2 * margin), height: plan.height + 34 };
  const shift = Math.round((size.width - plan.width) / 2);
  return drawing(size, title, style, [
    element("rect", { ...size, fill: "#ffffff" }),
    arrowHeads(),
    element(
      "g",
      { transform: `translate(${shift} 0)` },
      ...plan.headings.map(({ x, y, text: words }) =>
        text(words, { x, y, "text-anchor": "middle", class: "heading" }),
      ),
      ...plan.routes.map(drawRoute),
      ...plan.boxes.map((placed) => drawBox(placed, plan.folded)),
      // Above all arrows: a label lies beside its own, but another may cross it.
      ...plan.routes.flatMap(drawLabel),
    ),
    drawKey(key, size.height - 16),
  ]);
}

// ---- boxes ------------------------------------------------------------------------------------------------------

const isPill = ({ kind }: Box): boolean => kind === "input" || kind === "target" || kind === "output";

function drawBox({ box, x, y, width, height }: PlacedBox, folded: boolean): string {
  const outline: Attributes = {
    x: x - width / 2,
    y: y - height / 2,
    width,
    height,
    rx: isPill(box) ? height / 2 : 7,
    ...colors[box.kind],
    "stroke-width": 1.4,
  };
  const dashed: Attributes = box.kind === "target" ? { "stroke-dasharray": "5 3" } : {};
  const lift = box.detail === "" ? 5 : -3;
  return element(
    "g",
    {},
    ...(folded ? loops(box, x + width / 2, x - width / 2, y) : []),
    element("rect", { ...outline, ...dashed }),
    text(box.label, { x, y: y + lift, "text-anchor": "middle", "font-weight": 600 }),
    ...(box.detail === ""
      ? []
      : [text(box.detail, { x, y: y + 15, "text-anchor": "middle", class: "detail" })]),
  );
}

/** A step's result goes into the next step: an arrow back into the box; of both directions one at each side. */
function loops({ recurrent, kind }: Box, right: number, left: number, y: number): readonly string[] {
  const route = kind === "gradient" ? "gradient" : "time";
  // A gradient goes the other way round.
  const [start, end] = route === "gradient" ? [10, -10] : [-10, 10];
  const loop = (x: number, side: 1 | -1): string =>
    element("path", {
      d: `M ${x} ${y + start} C ${x + side * 34} ${y + start} ${x + side * 34} ${y + end} ${x + side * 2} ${y + end}`,
      fill: "none",
      stroke: inks[route],
      "stroke-width": 1.7,
      "marker-end": `url(#${route})`,
    });
  if (recurrent === "no") return [];
  return recurrent === "both" ? [loop(right, 1), loop(left, -1)] : [loop(right, 1)];
}

// ---- arrows -----------------------------------------------------------------------------------------------------

/** Arrows leave and meet boxes upright; those in time, from side to side, level. */
function drawRoute({ kind, points }: Route): string {
  const level = points[0]!.y === points.at(-1)!.y;
  const d = line<Point>(
    (p) => p.x,
    (p) => p.y,
  )
    .curve(level ? curveBumpX : curveBumpY)
    .digits(1)([...points])!;
  return element("path", {
    d,
    fill: "none",
    stroke: inks[kind],
    "stroke-width": kind === "time" ? 1.7 : 1.4,
    "marker-end": `url(#${kind})`,
    ...(kind === "side" ? { "stroke-dasharray": "5 4" } : {}),
  });
}

function drawLabel({ label, labelAt }: Route): readonly string[] {
  if (label === "" || labelAt === null) return [];
  const around = { stroke: "#ffffff", "stroke-width": 3.5, "paint-order": "stroke" };
  return [
    text(label, { x: labelAt.x, y: labelAt.y + 4, "text-anchor": "middle", class: "shape", ...around }),
  ];
}

function arrowHeads(): string {
  const head = ([id, fill]: readonly [string, string]): string =>
    element(
      "marker",
      { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" },
      element("path", { d: "M 0 1 L 10 5 L 0 9 z", fill }),
    );
  return element("defs", {}, ...Object.entries(inks).map(head));
}

// ---- the key ----------------------------------------------------------------------------------------------------

const kindNames: Readonly<Partial<Record<BoxKind, string>>> = {
  input: "input",
  target: "target, in training",
  output: "result",
  loss: "loss",
  gradient: "its gradient",
};

type KeyEntry = { readonly name: string } & ({ readonly box: BoxKind } | { readonly arrow: RouteKind });

function keyOf({ boxes, routes }: Plan): readonly KeyEntry[] {
  const kinds = [...new Set(boxes.map(({ box }) => box.kind))];
  const recurs =
    boxes.some(({ box }) => box.recurrent !== "no") || routes.some(({ kind }) => kind === "time");
  return [
    ...kinds.flatMap((box) => (kindNames[box] === undefined ? [] : [{ name: kindNames[box], box }])),
    ...(recurs ? [{ name: "recurs", arrow: "time" as const }] : []),
  ];
}

const keyStep = ({ name }: KeyEntry): number => textWidth(name, 11.5) + 44;

const keyWidth = (entries: readonly KeyEntry[]): number =>
  entries.reduce((sum, entry) => sum + keyStep(entry), 0);

function drawKey(entries: readonly KeyEntry[], y: number): string {
  let x = margin;
  const parts = entries.flatMap((entry) => {
    const at = x;
    x += keyStep(entry);
    return [
      "box" in entry ? keyBox(entry.box, at, y) : keyArrow(entry.arrow, at, y),
      text(entry.name, { x: at + 26, y, class: "key" }),
    ];
  });
  return element("g", {}, ...parts);
}

function keyBox(kind: BoxKind, x: number, y: number): string {
  const rx = kind === "loss" || kind === "gradient" ? 2.5 : 5.5;
  const dashed: Attributes = kind === "target" ? { "stroke-dasharray": "3 2" } : {};
  return element("rect", { x, y: y - 10, width: 18, height: 11, rx, ...colors[kind], ...dashed });
}

const keyArrow = (kind: RouteKind, x: number, y: number): string =>
  element("path", {
    d: `M ${x} ${y - 4} L ${x + 20} ${y - 4}`,
    fill: "none",
    stroke: inks[kind],
    "stroke-width": 1.6,
    "marker-end": `url(#${kind})`,
  });
