/** What charts share: the frame, its axes with grid and ticks, and the inks. */
import type { ScaleContinuousNumeric } from "d3-scale";
import { element, text } from "./svg.ts";

export type Scale = ScaleContinuousNumeric<number, number>;

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** The room around the plot, in pixels. */
  readonly plot: {
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly bottom: number;
  };
}

export const ink = {
  text: "#1f2933",
  faint: "#67727e",
  grid: "#e6e9ed",
  first: "#3b6fb6",
  second: "#d1672a",
};

export const chartStyle = `text{fill:${ink.faint};font-size:12px}.title{fill:${ink.text};font-size:16px;font-weight:600}.label{fill:${ink.text};font-size:12px}`;

export function background({ width, height, plot }: Frame, title: string): readonly string[] {
  return [
    element("rect", { width, height, fill: "#ffffff" }),
    text(title, { x: plot.left, y: 30, class: "title" }),
  ];
}

/** x has the ticks given, y about six, with lines across. */
export function axes(
  { width, height, plot }: Frame,
  x: Scale,
  y: Scale,
  names: { readonly x: string; readonly y: string; readonly xTicks: readonly number[] },
): readonly string[] {
  const bottom = height - plot.bottom;
  const [start, end] = [plot.left, width - plot.right];
  const yTicks = ticksOf(y, 6);
  return [
    ...yTicks.map((tick) =>
      element("line", { x1: start, x2: end, y1: y(tick), y2: y(tick), stroke: ink.grid }),
    ),
    ...yTicks.map((tick) => text(shortNumber(tick), { x: start - 10, y: y(tick) + 4, "text-anchor": "end" })),
    element("line", { x1: start, x2: end, y1: bottom, y2: bottom, stroke: ink.faint }),
    ...names.xTicks.map((tick) =>
      element("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 5, stroke: ink.faint }),
    ),
    ...names.xTicks.map((tick) =>
      text(shortNumber(tick), { x: x(tick), y: bottom + 20, "text-anchor": "middle" }),
    ),
    text(names.x, { x: (start + end) / 2, y: height - 14, "text-anchor": "middle", class: "label" }),
    text(names.y, {
      transform: `translate(18 ${(plot.top + bottom) / 2}) rotate(-90)`,
      "text-anchor": "middle",
      class: "label",
    }),
  ];
}

/** A logarithmic scale offers every multiple of a power; 1, 2 and 5 are enough. */
function ticksOf(scale: Scale, count: number): readonly number[] {
  const ticks = scale.ticks(count);
  const round = ticks.filter((tick) => ["1", "2", "5"].includes(tick.toExponential()[0]!));
  return ticks.length > 2 * count && round.length > 2 ? round : ticks;
}

/** `0.002`, `12k`, `1.9e9`. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6 || (size < 1e-3 && size > 0)) return Number(value.toPrecision(3)).toExponential();
  return size >= 1e4 ? `${Number((value / 1000).toPrecision(6))}k` : String(Number(value.toPrecision(6)));
}
