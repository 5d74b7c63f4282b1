/**
 * A plan unrolled in time: what runs along a sequence once for each step, step beside step, and a recurrence as arrows
 * between them. What there is once (the last step, a label) stands under the last step.
 */
import type { Box } from "./outline.ts";
import { borderPlace, type PlacedBox, type Plan, type Point, type Route } from "./plan.ts";

const headingRoom = 26;
/** Between a box and an arrow that goes past it. */
const laneRoom = 10;

/** `h[t-1]` is the step at the left. Null where nothing recurs. */
export function unroll(plan: Plan, steps: number): Plan | null {
  const axes = new Set(plan.boxes.flatMap(({ box }) => (box.recurrent === "no" ? [] : (axisOf(box) ?? []))));
  if (axes.size === 0) return null;
  const runs = (box: Box): string | null => {
    const axis = axisOf(box);
    return axis !== null && axes.has(axis) ? axis : null;
  };
  const byId = new Map(plan.boxes.map((placed) => [placed.box.id, placed]));
  const at = ({ box, x, y, ...size }: PlacedBox, step: number): PlacedBox => ({
    ...size,
    box: { ...box, id: `${box.id}@${step}` },
    x: x + step * plan.width,
    y: y + headingRoom,
  });
  const copies = (placed: PlacedBox): readonly number[] =>
    runs(placed.box) === null ? [steps - 1] : Array.from({ length: steps }, (_, t) => t);

  const boxes = plan.boxes.flatMap((placed) => copies(placed).map((t) => at(placed, t)));
  const routes = plan.routes.flatMap((route): readonly Route[] => {
    const [from, to] = [byId.get(route.from)!, byId.get(route.to)!];
    const pairs = pairsOf(route, from.box, to.box, { copies: [copies(from), copies(to)], steps, runs });
    return pairs.map(([a, b], k): Route => ({
      ...route,
      ...between(at(from, a), at(to, b), shifted(route.points, b * plan.width), a === b),
      // One label serves for all steps.
      label: k === 0 && a === b ? route.label : "",
      labelAt: route.labelAt && shifted([route.labelAt], a * plan.width)[0]!,
    }));
  });
  const recurrences = plan.boxes.flatMap((placed) => {
    const row = copies(placed).map((t) => at(placed, t));
    return timeRoutes(row, boxes);
  });
  return {
    ...plan,
    width: plan.width * steps,
    height: plan.height + headingRoom,
    boxes,
    routes: [...recurrences, ...routes],
    headings: Array.from({ length: steps }, (_, t) => ({
      text: `t = ${t}`,
      x: (t + 0.5) * plan.width,
      y: 24,
    })),
    folded: false,
  };
}

/** The innermost named axis of what a box gives. */
const axisOf = ({ shape }: Box): string | null =>
  shape.split(" × ").findLast((entry) => /^\p{Lu}[\p{L}\p{N}_']*$/u.test(entry)) ?? null;

const shifted = (points: readonly Point[], by: number): readonly Point[] =>
  points.map(({ x, y }) => ({ x: x + by, y: y + headingRoom }));

/** The steps that an arrow joins: from, to. */
function pairsOf(
  { role }: Route,
  from: Box,
  to: Box,
  of: {
    readonly copies: readonly [readonly number[], readonly number[]];
    readonly steps: number;
    readonly runs: (box: Box) => string | null;
  },
): readonly (readonly [number, number])[] {
  const [own, others] = of.copies;
  const [a, b] = [of.runs(from), of.runs(to)];
  const isStart = role !== null && /\binit\b/u.test(role);
  if (a !== null && a === b) {
    const by = role === "next" ? 1 : to.label === "prev" ? -1 : 0;
    return others.flatMap((t) => (own.includes(t + by) ? [[t + by, t] as const] : []));
  }
  const starts = to.label.endsWith("first")
    ? [own[0]!]
    : to.label.endsWith("last") || isStart
      ? [own.at(-1)!]
      : own;
  const ends = isStart ? [others[0]!] : others;
  return starts.flatMap((s) => ends.map((e) => [s, e] as const));
}

/** By the way that the arrow has within the step where it ends; one from another step joins it past its beginning. */
function between(
  from: PlacedBox,
  to: PlacedBox,
  way: readonly Point[],
  isOneStep: boolean,
): Pick<Route, "from" | "to" | "points"> {
  const start = { x: borderPlace(from, to.x), y: from.y + from.height / 2 };
  return { from: from.box.id, to: to.box.id, points: isOneStep ? way : [start, ...way.slice(2)] };
}

/** From step to step: level, or past the boxes that stand between; forwards above, backwards below the middle. */
function timeRoutes(steps: readonly PlacedBox[], boxes: readonly PlacedBox[]): readonly Route[] {
  return steps.slice(1).flatMap((right, k): readonly Route[] => {
    const left = steps[k]!;
    const { recurrent } = left.box;
    if (recurrent === "no") return [];
    const route = (from: PlacedBox, to: PlacedBox, points: readonly Point[]): Route => ({
      ...{ kind: "time", role: null, label: "", labelAt: null },
      from: from.box.id,
      to: to.box.id,
      points,
    });
    if (recurrent === "forwards") return [route(left, right, past(left, right, 0, -1, boxes))];
    return [
      route(left, right, past(left, right, -8, -1, boxes)),
      route(right, left, past(left, right, 8, 1, boxes).toReversed()),
    ];
  });
}

/** Around boxes in between on one side: above (-1) or below (1). */
function past(
  left: PlacedBox,
  right: PlacedBox,
  from: number,
  side: -1 | 1,
  boxes: readonly PlacedBox[],
): readonly Point[] {
  const [start, end] = [left.x + left.width / 2, right.x - right.width / 2];
  const y = left.y + from;
  const within = boxes.filter((b) => b.x > start && b.x < end && Math.abs(b.y - y) < b.height / 2 + laneRoom);
  const level = [
    { x: start, y },
    { x: end, y },
  ];
  if (within.length === 0) return level;
  const edges = within.map((b) => b.y + (side * b.height) / 2);
  const lane = (side < 0 ? Math.min(...edges) : Math.max(...edges)) + side * laneRoom;
  const [first, last] = [
    Math.min(...within.map((b) => b.x - b.width / 2)),
    Math.max(...within.map((b) => b.x + b.width / 2)),
  ];
  return [level[0]!, { x: first, y: lane }, { x: last, y: lane }, level[1]!];
}
