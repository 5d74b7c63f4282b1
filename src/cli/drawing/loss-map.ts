/**
 * A loss surface as a map: bands of equal loss, whose edges crowd where it is steep, so that a cliff is a dark wall.
 * Losses that differ by more than a factor of thirty are banded by their logarithm. Where the loss is not finite the
 * map is grey.
 */
import { contours } from "d3-contour";
import { scaleLinear, scaleLog } from "d3-scale";
import { curveLinearClosed, line } from "d3-shape";
import { axes, background, chartStyle, ink, shortNumber, type Frame, type Scale } from "./chart.ts";
import { drawing, element, text, type Attributes } from "./svg.ts";

export interface LossMap {
  readonly title: string;
  readonly names: { readonly x: string; readonly y: string };
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** `losses[j][i]` at `x[i]` and `y[j]`. */
  readonly losses: readonly (readonly number[])[];
  /** Where the weights are, in units of the axes; null if outside. */
  readonly start: readonly [number, number] | null;
}

const frame: Frame = { width: 720, height: 560, plot: { left: 82, right: 140, top: 56, bottom: 60 } };
const { width, height, plot } = frame;
const bands = 16;
const shades = ["#f4f8fc", "#a9c8e8", "#3b6fb6", "#17335c"];
const beyond = "#b9bfc6";

export function drawLossMap(map: LossMap): string {
  const x = scaleLinear([map.x[0]!, map.x.at(-1)!], [plot.left, width - plot.right]);
  const y = scaleLinear([map.y[0]!, map.y.at(-1)!], [height - plot.bottom, plot.top]);
  const losses = map.losses.flat();
  const finite = losses.filter(Number.isFinite);
  const scale = levelScale(finite);
  const levels = Array.from({ length: bands }, (_, k) => scale.invert(k / bands));
  const color = scaleLinear(
    shades.map((_, k) => k / (shades.length - 1)),
    shades,
  );
  return drawing(frame, map.title, chartStyle, [
    ...background(frame, map.title),
    ...axes(frame, x, y, { ...map.names, xTicks: x.ticks(6) }),
    ...drawBands(map, scale, (k) => color(k / (bands - 1)), x, y),
    ...(map.start === null ? [] : [drawStart(x(map.start[0]), y(map.start[1]))]),
    ...drawKey(levels, (k) => color(k / (bands - 1)), finite.length < losses.length),
  ]);
}

/** From a loss to its share of the range, 0 to 1. */
function levelScale(losses: readonly number[]): Scale {
  const low = losses.reduce((a, b) => Math.min(a, b), Infinity);
  const high = losses.reduce((a, b) => Math.max(a, b), -Infinity);
  if (losses.length === 0) return scaleLinear([0, 1], [0, 1]);
  // A minimum of nearly zero must not take all the bands.
  const floor = Math.max(low, quantile(losses, 0.05));
  if (floor > 0 && high / floor > 30) return scaleLog([floor, high], [0, 1]);
  return scaleLinear([low, high > low ? high : low + 1], [0, 1]);
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;

function drawBands(
  { x: columns, y: rows, losses }: LossMap,
  scale: Scale,
  color: (band: number) => string,
  x: Scale,
  y: Scale,
): readonly string[] {
  const size = [columns.length, rows.length] as const;
  // In the grid's own units a value lies at the middle of its cell.
  const place = (at: number, count: number, axis: Scale): number => {
    const [from, to] = axis.range() as [number, number];
    return from + ((to - from) * Math.min(Math.max(at - 0.5, 0), count - 1)) / (count - 1);
  };
  const ring = line<readonly number[]>(
    ([i]) => place(i!, size[0], x),
    ([, j]) => place(j!, size[1], y),
  )
    .curve(curveLinearClosed)
    .digits(1);
  const area = (values: readonly number[], threshold: number, attributes: Attributes): readonly string[] => {
    const shapes = contours()
      .size([...size])
      .thresholds([threshold])([...values]);
    const d = shapes.flatMap(({ coordinates }) => coordinates.flat().map((points) => ring(points)!)).join("");
    return d === "" ? [] : [element("path", { d, ...attributes })];
  };
  const isBeyond = losses.flat().map((loss) => (Number.isFinite(loss) ? 0 : 1));
  const shares = losses.flat().map((loss) => (Number.isFinite(loss) ? Math.max(0, scale(loss)) : 2));
  const [left, right] = x.range() as [number, number];
  const [bottom, top] = y.range() as [number, number];
  return [
    element("rect", { x: left, y: top, width: right - left, height: bottom - top, fill: color(0) }),
    ...Array.from({ length: bands - 1 }, (_, k) =>
      area(shares, (k + 1) / bands, { fill: color(k + 1), stroke: "#ffffff", "stroke-width": 0.5 }),
    ).flat(),
    ...area(isBeyond, 0.5, { fill: beyond }),
  ];
}

function drawStart(x: number, y: number): string {
  return element(
    "g",
    {},
    element("circle", { cx: x, cy: y, r: 5, fill: "#ffffff", stroke: ink.second, "stroke-width": 2 }),
    text("start", {
      x: x + 10,
      y: y + 4,
      class: "label",
      stroke: "#ffffff",
      "stroke-width": 4,
      "paint-order": "stroke",
    }),
  );
}

/** The bands from the least loss below to the largest above. */
function drawKey(
  levels: readonly number[],
  color: (band: number) => string,
  hasBeyond: boolean,
): readonly string[] {
  const x = width - plot.right + 24;
  const step = 16;
  const bottom = plot.top + 20 + step * levels.length;
  return [
    text("loss", { x, y: plot.top + 8, class: "label" }),
    ...levels.flatMap((level, k) => {
      const y = bottom - step * (k + 1);
      const swatch = element("rect", { x, y, width: 18, height: step, fill: color(k), stroke: "#ffffff" });
      return k % 3 === 0
        ? [swatch, text(shortNumber(Number(level.toPrecision(2))), { x: x + 26, y: y + step })]
        : [swatch];
    }),
    ...(hasBeyond
      ? [
          element("rect", { x, y: bottom + 12, width: 18, height: step, fill: beyond }),
          text("not finite", { x: x + 26, y: bottom + 24 }),
        ]
      : []),
  ];
}
