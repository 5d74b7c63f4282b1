/**
 * How much gradient reaches each step: ‖∂L/∂h[t]‖ over t on a logarithmic scale, where what vanishes or explodes at a
 * constant rate is a straight line. A line a state; of several programs each has its colour, its states their dashes.
 */
import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { axes, background, chartStyle, ink, type Frame, type Scale } from "./chart.ts";
import { drawing, element, text } from "./svg.ts";

export interface FlowLine {
  readonly name: string;
  /** Lines of one group have one colour. */
  readonly group: number;
  /** By position; all finite, none negative. */
  readonly norms: readonly number[];
}

const height = 460;
const plot = { left: 82, top: 56, bottom: 56 };
/** Of the plot, to whose right the key stands. */
const plotWidth = 558;
const characterWidth = 6.8;

/** Wide enough for the longest name in the key. */
function frameFor(lines: readonly FlowLine[]): Frame {
  const longest = Math.max(...lines.map(({ name }) => name.length), 20);
  const right = Math.ceil(60 + characterWidth * longest);
  return { width: plot.left + plotWidth + right, height, plot: { ...plot, right } };
}

const palette = [ink.first, ink.second, "#2f8a4c", "#7b4fb3", "#a8842c", "#2a8c99"];
const dashes = ["none", "7 4", "2 4", "9 3 2 3"];
const ofCycle = <T>(list: readonly T[], index: number): T => list[index % list.length]!;

export function drawFlow(title: string, lines: readonly FlowLine[]): string {
  const steps = Math.max(2, ...lines.map(({ norms }) => norms.length));
  const frame = frameFor(lines);
  const x = scaleLinear([0, steps - 1], [plot.left, plot.left + plotWidth]);
  const y = normScale(lines.flatMap(({ norms }) => norms.filter((norm) => norm > 0)));
  const xTicks = x.ticks(8).filter(Number.isInteger);
  return drawing(frame, title, chartStyle, [
    ...background(frame, title),
    ...axes(frame, x, y, { x: "step t", y: "‖∂L/∂h[t]‖", xTicks }),
    ...lines.map((flow, k) => drawLine(flow, dashOf(lines, k), x, y)),
    ...lines.map((flow, k) => drawKey(flow, dashOf(lines, k), plot.top + 14 + 22 * k)),
  ]);
}

/** At least one power of ten, so that a gradient which stays the same is drawn flat. */
function normScale(norms: readonly number[]): Scale {
  const [low, high] = norms.length === 0 ? [1, 1] : [least(norms), most(norms)];
  const range = [height - plot.bottom, plot.top];
  const middle = Math.sqrt(low) * Math.sqrt(high);
  const [from, to] = high / low < 10 ? [middle / 4, middle * 4] : [low, high];
  return scaleLog([from, to], range).nice();
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

const colorOf = ({ group }: FlowLine): string => ofCycle(palette, group);

/** The first line of a group is solid. */
const dashOf = (lines: readonly FlowLine[], index: number): string =>
  ofCycle(dashes, lines.slice(0, index).filter(({ group }) => group === lines[index]!.group).length);

/** A gradient of exactly 0 has no place on the scale: there the line breaks. */
function drawLine(flow: FlowLine, dash: string, x: Scale, y: Scale): string {
  const d =
    line<number>(
      (_, t) => x(t),
      (norm) => y(norm),
    )
      .defined((norm) => norm > 0)
      .digits(2)(flow.norms) ?? "";
  return element("path", {
    d,
    fill: "none",
    stroke: colorOf(flow),
    "stroke-width": 1.8,
    "stroke-dasharray": dash,
    "stroke-linejoin": "round",
  });
}

function drawKey(flow: FlowLine, dash: string, y: number): string {
  const x = plot.left + plotWidth + 16;
  const sample = { x1: x, x2: x + 24, y1: y - 4, y2: y - 4, "stroke-width": 2.2 };
  return element(
    "g",
    {},
    element("line", { ...sample, stroke: colorOf(flow), "stroke-dasharray": dash }),
    text(flow.name, { x: x + 30, y, class: "label" }),
  );
}
