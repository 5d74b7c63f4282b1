/**
 * A drawing before it is drawn: boxes with their places, arrows with their ways. dagre places an outline in layers from
 * top to bottom; `unroll.ts` and `mirror.ts` make further plans of that one.
 */
import { Graph, layout } from "@dagrejs/dagre";
import type { Arrow, Box, Outline } from "./outline.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box around its middle. */
export interface PlacedBox extends Point {
  readonly box: Box;
  readonly width: number;
  readonly height: number;
}

/** `flow` is the pipeline itself, `side` what a stage reads besides, `time` a step's state on its way to another step. */
export type RouteKind = "flow" | "side" | "time" | "gradient";

export interface Route {
  readonly kind: RouteKind;
  readonly from: string;
  readonly to: string;
  /** As in the outline: the option through which it goes in. */
  readonly role: string | null;
  /** From border to border. */
  readonly points: readonly Point[];
  readonly label: string;
  readonly labelAt: Point | null;
}

export interface Heading extends Point {
  readonly text: string;
}

export interface Plan {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly routes: readonly Route[];
  readonly headings: readonly Heading[];
  /** A recurrence is a loop at its box; else its steps are drawn side by side. */
  readonly folded: boolean;
}

export const margin = 28;
/** What a recurrence's loop takes at a side of its box. */
export const loopRoom = 30;

/** No font is at hand to measure with: the mean width of a sans-serif letter serves. */
export const textWidth = (content: string, fontSize: number): number => [...content].length * fontSize * 0.56;

interface Routed extends Partial<Point> {
  readonly points: readonly Point[];
}

/** `also`: what else a box will have to hold. */
export function planOf({ boxes, arrows }: Outline, also: (box: Box) => readonly Box[] = () => []): Plan {
  const sizeOf = (box: Box): Size => {
    const sizes = [box, ...also(box)].map(sizeAlone);
    return {
      width: Math.max(...sizes.map(({ width }) => width)),
      height: Math.max(...sizes.map(({ height }) => height)),
    };
  };
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 42, ranksep: 40, edgesep: 22, marginx: margin, marginy: margin });
  for (const box of boxes) {
    const { width, height } = sizeOf(box);
    // The room at the right is the loop's; the same at the left keeps the box in the middle of it.
    const room = box.recurrent === "no" ? 0 : 2 * loopRoom;
    graph.setNode(box.id, { width: width + room, height });
  }
  const shapes = new Map(boxes.map((box) => [box.id, box.shape]));
  const labelOf = ({ from, role }: Arrow): string =>
    [role ?? "", shapes.get(from) ?? ""].filter((part) => part !== "").join("  ");
  for (const arrow of arrows) {
    const label = labelOf(arrow);
    const width = label === "" ? 0 : textWidth(label, 11) + 8;
    // The pipeline itself should run straight; what else a stage reads may bend around it.
    const weight = arrow.role === null ? 6 : 1;
    graph.setEdge(arrow.from, arrow.to, { labelpos: "r", labeloffset: 8, width, height: 14, weight });
  }
  layout(graph);
  const placed = new Map(
    boxes.map((box) => {
      const { x, y } = graph.node(box.id) as Point;
      return [box.id, { box, x, y, ...sizeOf(box) }];
    }),
  );
  const ways = arrows.map((arrow) => ({ arrow, ...(graph.edge(arrow.from, arrow.to) as Routed) }));
  const spread = spreader(
    ways.map(({ arrow, points }) => ({ ...arrow, between: points.slice(1, -1) })),
    placed,
  );
  const routes = ways.map(({ arrow, points, x, y }, k): Route => {
    const [from, to] = [placed.get(arrow.from)!, placed.get(arrow.to)!];
    const start = { x: spread("from", k), y: from.y + from.height / 2 };
    const end = { x: spread("to", k), y: to.y - to.height / 2 };
    const way = [start, ...points.slice(1, -1), end];
    return {
      kind: arrow.role === null ? "flow" : "side",
      ...arrow,
      points: way,
      label: labelOf(arrow),
      labelAt: x === undefined || y === undefined ? null : { x, y: y - (bendsBelow(way, y) ? 8 : 0) },
    };
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { width, height, boxes: [...placed.values()], routes, headings: [], folded: true };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizeAlone({ label, detail }: Box): Size {
  const inner = Math.max(textWidth(label, 14) * 1.06, textWidth(detail, 11.5));
  return { width: Math.max(84, inner + 32), height: detail === "" ? 38 : 52 };
}

/** Whether the arrow turns to the right, where its label stands, right below the label's height. */
function bendsBelow(way: readonly Point[], height: number): boolean {
  const k = way.findIndex(({ y }) => y >= height - 1);
  const [here, next] = [way[k], way[k + 1]];
  return here !== undefined && next !== undefined && next.x > here.x + 12;
}

interface Way {
  readonly from: string;
  readonly to: string;
  readonly between: readonly Point[];
}

/** Where an arrow leaves or meets its box: one alone in the middle, several side by side in the order in which they come. */
function spreader(
  ways: readonly Way[],
  placed: ReadonlyMap<string, PlacedBox>,
): (end: "from" | "to", index: number) => number {
  const comesFrom = (end: "from" | "to", { from, to, between }: Way): number =>
    (end === "from" ? (between[0] ?? placed.get(to)!) : (between.at(-1) ?? placed.get(from)!)).x;
  return (end, index) => {
    const id = ways[index]![end];
    const all = [...ways.keys()].filter((k) => ways[k]![end] === id);
    all.sort((a, b) => comesFrom(end, ways[a]!) - comesFrom(end, ways[b]!));
    const { x, width } = placed.get(id)!;
    return x - width / 2 + (width * (all.indexOf(index) + 1)) / (all.length + 1);
  };
}

/** The place on a box's upper or lower border nearest to `x`, off its round corners. */
export function borderPlace({ x: middle, width }: PlacedBox, x: number): number {
  const reach = width / 2 - 18;
  return Math.min(Math.max(x, middle - reach), middle + reach);
}
