/**
 * The course of a training as a picture: the training loss as a line within the band that it spread over, the
 * validation loss as points joined by a line, the best of them marked. A loss that fell by more than a factor of
 * thirty is drawn on a logarithmic scale, or its end would lie flat on the axis.
 */
import { scaleLinear, scaleLog } from "d3-scale";
import { area, line } from "d3-shape";
import { axes, background, chartStyle, ink, shortNumber, type Frame, type Scale } from "./chart.ts";
import { drawing, element, text } from "./svg.ts";

export interface Point {
  readonly step: number;
  readonly loss: number;
}

export interface Curve {
  readonly title: string;
  readonly train: readonly Point[];
  readonly validation: readonly Point[];
}

interface Bucket extends Point {
  readonly low: number;
  readonly high: number;
}

const frame: Frame = { width: 760, height: 440, plot: { left: 68, right: 24, top: 64, bottom: 56 } };
const { width, height, plot } = frame;
/** About two pixels each: more could not be told apart. */
const buckets = 320;
const colors = { train: ink.first, validation: ink.second };

export function drawLossCurve({ title, train, validation }: Curve): string {
  const spread = gather(train.filter(isFinitePoint));
  const checks = validation.filter(isFinitePoint);
  const x = scaleLinear(
    [0, Math.max(1, ...spread.map((p) => p.step), ...checks.map((p) => p.step))],
    [plot.left, width - plot.right],
  );
  const y = lossScale(spread, checks);
  const xTicks = x.ticks(8).filter(Number.isInteger);
  return drawing(frame, title, chartStyle, [
    ...background(frame, title),
    ...axes(frame, x, y, { x: "step", y: "loss", xTicks }),
    ...trainMarks(spread, x, y),
    ...validationMarks(checks, x, y),
    legend(spread.length > 0, checks.length > 0),
  ]);
}

const isFinitePoint = ({ loss }: Point): boolean => Number.isFinite(loss);

/** Means over equal parts of the steps, with the extremes. */
function gather(points: readonly Point[]): readonly Bucket[] {
  const size = Math.max(1, points.length / buckets);
  const result: Bucket[] = [];
  for (let k = 0; k * size < points.length; k++) {
    const part = points.slice(
      Math.floor(k * size),
      Math.max(Math.floor(k * size) + 1, Math.floor((k + 1) * size)),
    );
    const losses = part.map((point) => point.loss);
    result.push({
      step: part.reduce((sum, point) => sum + point.step, 0) / part.length,
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      low: Math.min(...losses),
      high: Math.max(...losses),
    });
  }
  return result;
}

function lossScale(spread: readonly Bucket[], checks: readonly Point[]): Scale {
  const lows = [...spread.map((b) => b.low), ...checks.map((p) => p.loss)];
  const highs = [...spread.map((b) => b.high), ...checks.map((p) => p.loss)];
  const [low, high] = lows.length === 0 ? [0, 1] : [Math.min(...lows), Math.max(...highs)];
  const range = [height - plot.bottom, plot.top];
  if (low > 0 && high / low > 30) return scaleLog([low, high], range).nice();
  const margin = (high - low || Math.abs(high) || 1) * 0.05;
  const floor = low >= 0 ? Math.max(0, low - margin) : low - margin;
  return scaleLinear([floor, high + margin], range).nice(6);
}

function trainMarks(spread: readonly Bucket[], x: Scale, y: Scale): readonly string[] {
  const band = area<Bucket>(
    (b) => x(b.step),
    (b) => y(b.low),
    (b) => y(b.high),
  ).digits(2)(spread);
  const mean = line<Bucket>(
    (b) => x(b.step),
    (b) => y(b.loss),
  ).digits(2)(spread);
  return [
    ...(band === null ? [] : [element("path", { d: band, fill: colors.train, "fill-opacity": 0.14 })]),
    ...(mean === null
      ? []
      : [
          element("path", {
            d: mean,
            fill: "none",
            stroke: colors.train,
            "stroke-width": 1.6,
            "stroke-linejoin": "round",
          }),
        ]),
  ];
}

function validationMarks(checks: readonly Point[], x: Scale, y: Scale): readonly string[] {
  if (checks.length === 0) return [];
  const best = checks.reduce((a, b) => (b.loss < a.loss ? b : a));
  const path = line<Point>(
    (p) => x(p.step),
    (p) => y(p.loss),
  ).digits(2)(checks)!;
  const right = x(best.step) > width / 2;
  return [
    element("path", {
      d: path,
      fill: "none",
      stroke: colors.validation,
      "stroke-width": 1.8,
      "stroke-linejoin": "round",
    }),
    // Of very many points the line is enough.
    ...(checks.length > 60 ? [] : checks).map((p) =>
      element("circle", { cx: x(p.step), cy: y(p.loss), r: 2.6, fill: colors.validation }),
    ),
    element("circle", {
      cx: x(best.step),
      cy: y(best.loss),
      r: 5,
      fill: "#ffffff",
      stroke: colors.validation,
      "stroke-width": 2,
    }),
    text(`best ${best.loss.toPrecision(4)} at step ${shortNumber(best.step)}`, {
      x: x(best.step) + (right ? 4 : -4),
      y: y(best.loss) - 14,
      "text-anchor": right ? "end" : "start",
      class: "label",
      // Keeps the words readable where they lie on the lines.
      stroke: "#ffffff",
      "stroke-width": 4,
      "paint-order": "stroke",
    }),
  ];
}

function legend(hasTrain: boolean, hasValidation: boolean): string {
  const entries = [
    ...(hasTrain ? [{ name: "training", color: colors.train }] : []),
    ...(hasValidation ? [{ name: "validation", color: colors.validation }] : []),
  ];
  const marks = entries.flatMap(({ name, color }, k) => {
    const x = width - plot.right - (entries.length - k) * 100;
    return [
      element("line", { x1: x, x2: x + 22, y1: 26, y2: 26, stroke: color, "stroke-width": 2.4 }),
      text(name, { x: x + 28, y: 30, class: "label" }),
    ];
  });
  return element("g", {}, ...marks);
}
