/**
 * An outline as SVG: dagre places the boxes in layers from top to bottom and bends the arrows around them. Inputs,
 * targets and results have a colour and a shape each, a recurrence is a loop at its box's side.
 */
import { Graph, layout } from "@dagrejs/dagre";
import { curveBasis, line } from "d3-shape";
import type { Arrow, Box, BoxKind, Outline } from "./outline.ts";
import { drawing, element, text, type Attributes } from "./svg.ts";

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Routed {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly x?: number;
  readonly y?: number;
}

const colors: Readonly<Record<BoxKind, { readonly fill: string; readonly stroke: string }>> = {
  input: { fill: "#e4eefb", stroke: "#3b6fb6" },
  target: { fill: "#fdf0e2", stroke: "#d1672a" },
  output: { fill: "#e5f4e8", stroke: "#2f8a4c" },
  stage: { fill: "#ffffff", stroke: "#8390a0" },
  loss: { fill: "#fff7f0", stroke: "#d1672a" },
  value: { fill: "#f6f7f9", stroke: "#a8b2bd" },
};

const style = [
  "text{fill:#1f2933;font-size:14px}",
  ".detail{fill:#5b6673;font-size:11.5px}",
  ".shape{fill:#5b6673;font-size:11px}",
  ".key{fill:#5b6673;font-size:11.5px}",
].join("");

const margin = 28;
const loopRoom = 30;

export function drawOutline({ boxes, arrows }: Outline, title: string): string {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 42, ranksep: 40, edgesep: 22, marginx: margin, marginy: margin });
  for (const box of boxes) graph.setNode(box.id, sizeOf(box));
  const shapes = new Map(boxes.map((box) => [box.id, box.shape]));
  for (const arrow of arrows) {
    const label = labelOf(arrow, shapes);
    const width = label === "" ? 0 : textWidth(label, 11) + 8;
    // The pipeline itself should run straight; what else a stage reads may bend around it.
    const weight = arrow.role === null ? 6 : 1;
    graph.setEdge(arrow.from, arrow.to, { label, labelpos: "r", labeloffset: 8, width, height: 14, weight });
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const kinds = [...new Set(boxes.map(({ kind }) => kind))];
  const size = { width: Math.max(width, keyWidth(kinds) + 2 * margin), height: height + 34 };
  const shift = (size.width - width) / 2;
  return drawing(size, title, style, [
    element("rect", { ...size, fill: "#ffffff" }),
    arrowHeads(),
    element(
      "g",
      { transform: `translate(${Math.round(shift)} 0)` },
      ...arrows.map((arrow) =>
        drawArrow(arrow, graph.edge(arrow.from, arrow.to) as Routed, labelOf(arrow, shapes)),
      ),
      ...boxes.map((box) => drawBox(box, graph.node(box.id) as Placed)),
    ),
    drawKey(
      kinds,
      boxes.some(({ recurrent }) => recurrent !== "no"),
      size.height - 16,
    ),
  ]);
}

// ---- boxes ------------------------------------------------------------------------------------------------------

/** No font is at hand to measure with: the mean width of a sans-serif letter serves. */
const textWidth = (content: string, fontSize: number): number => [...content].length * fontSize * 0.56;

function sizeOf(box: Box): { width: number; height: number } {
  const inner = Math.max(textWidth(box.label, 14) * 1.06, textWidth(box.detail, 11.5));
  // The loop at the right is room that the layout must keep free; the left keeps the box in the middle of it.
  const room = box.recurrent === "no" ? 0 : 2 * loopRoom;
  return { width: Math.max(84, inner + 32) + room, height: box.detail === "" ? 38 : 52 };
}

function drawBox(box: Box, placed: Placed): string {
  const { fill, stroke } = colors[box.kind];
  const room = box.recurrent === "no" ? 0 : 2 * loopRoom;
  const width = placed.width - room;
  const [left, top] = [placed.x - width / 2, placed.y - placed.height / 2];
  const pill = box.kind === "input" || box.kind === "target" || box.kind === "output";
  const shape = {
    x: left,
    y: top,
    width,
    height: placed.height,
    rx: pill ? placed.height / 2 : 7,
    fill,
    stroke,
    "stroke-width": 1.4,
  };
  const dashed: Attributes = box.kind === "target" ? { "stroke-dasharray": "5 3" } : {};
  const lift = box.detail === "" ? 5 : -3;
  return element(
    "g",
    {},
    ...(box.recurrent === "no" ? [] : loops(placed.x + width / 2, left, placed.y, box.recurrent)),
    element("rect", { ...shape, ...dashed }),
    text(box.label, { x: placed.x, y: placed.y + lift, "text-anchor": "middle", "font-weight": 600 }),
    ...(box.detail === ""
      ? []
      : [text(box.detail, { x: placed.x, y: placed.y + 15, "text-anchor": "middle", class: "detail" })]),
  );
}

/** A step's result goes into the next step: an arrow back into the box; of both directions one at each side. */
function loops(right: number, left: number, y: number, recurrent: "forwards" | "both"): readonly string[] {
  const loop = (x: number, side: 1 | -1): string =>
    element("path", {
      d: `M ${x} ${y - 11} C ${x + side * 30} ${y - 22} ${x + side * 30} ${y + 22} ${x + side * 3} ${y + 10}`,
      fill: "none",
      stroke: "#7b4fb3",
      "stroke-width": 1.7,
      "marker-end": "url(#loop)",
    });
  return recurrent === "both" ? [loop(right, 1), loop(left, -1)] : [loop(right, 1)];
}

// ---- arrows -----------------------------------------------------------------------------------------------------

function labelOf({ from, role }: Arrow, shapes: ReadonlyMap<string, string>): string {
  return [role ?? "", shapes.get(from) ?? ""].filter((part) => part !== "").join("  ");
}

function drawArrow({ role }: Arrow, routed: Routed, label: string): string {
  const path = line<{ x: number; y: number }>(
    (p) => p.x,
    (p) => p.y,
  )
    .curve(curveBasis)
    .digits(1)([...routed.points])!;
  const stroke = role === null ? "#5b6673" : "#a8b2bd";
  return element(
    "g",
    {},
    element("path", {
      d: path,
      fill: "none",
      stroke,
      "stroke-width": 1.4,
      "marker-end": role === null ? "url(#arrow)" : "url(#side)",
      ...(role === null ? {} : { "stroke-dasharray": "5 4" }),
    }),
    ...(label === "" || routed.x === undefined || routed.y === undefined
      ? []
      : [
          text(label, {
            x: routed.x,
            y: routed.y + 4,
            "text-anchor": "middle",
            class: "shape",
            // Keeps a label readable where its own arrow bends below it.
            stroke: "#ffffff",
            "stroke-width": 3.5,
            "paint-order": "stroke",
          }),
        ]),
  );
}

function arrowHeads(): string {
  const head = (id: string, fill: string): string =>
    element(
      "marker",
      { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" },
      element("path", { d: "M 0 1 L 10 5 L 0 9 z", fill }),
    );
  return element("defs", {}, head("arrow", "#5b6673"), head("side", "#a8b2bd"), head("loop", "#7b4fb3"));
}

// ---- the key ----------------------------------------------------------------------------------------------------

const keyNames: Readonly<Partial<Record<BoxKind, string>>> = {
  input: "input",
  target: "target, in training",
  output: "result",
  loss: "loss",
};

const keyStep = (name: string): number => textWidth(name, 11.5) + 40;

const keyWidth = (kinds: readonly BoxKind[]): number =>
  [...kinds.flatMap((kind) => keyNames[kind] ?? []), "recurs"].reduce((sum, name) => sum + keyStep(name), 0);

function drawKey(kinds: readonly BoxKind[], recurs: boolean, y: number): string {
  const parts: string[] = [];
  let x = margin;
  for (const kind of kinds) {
    const name = keyNames[kind];
    if (name === undefined) continue;
    const dashed: Attributes = kind === "target" ? { "stroke-dasharray": "3 2" } : {};
    parts.push(
      element("rect", {
        x,
        y: y - 10,
        width: 18,
        height: 11,
        rx: kind === "loss" ? 2.5 : 5.5,
        ...colors[kind],
        ...dashed,
      }),
    );
    parts.push(text(name, { x: x + 24, y, class: "key" }));
    x += keyStep(name);
  }
  if (recurs) {
    const d = `M ${x + 2} ${y - 9} C ${x + 20} ${y - 14} ${x + 20} ${y + 5} ${x + 4} ${y}`;
    parts.push(
      element("path", {
        d,
        fill: "none",
        stroke: "#7b4fb3",
        "stroke-width": 1.6,
        "marker-end": "url(#loop)",
      }),
    );
    parts.push(text("recurs", { x: x + 24, y, class: "key" }));
  }
  return element("g", {}, ...parts);
}
