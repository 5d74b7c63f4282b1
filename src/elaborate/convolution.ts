/**
 * Convolution and pooling: stages over windows of the fixed named axes, or of a sequence.
 *
 * `conv` puts the places of a window side by side in the feature and maps it with one matrix: one product over all
 * windows (im2col; Chellapilla et al. 2006). Axes are taken the innermost first, so that what is put together lies together.
 * `pool` is the maximum over windows that lie side by side.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { checkArguments, failCount, namedArgument, positional } from "./arguments.ts";
import { openChild } from "./body.ts";
import { fail, type Session } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { mapTo } from "./maps.ts";
import { runningAxis } from "./running-axis.ts";
import { stageName } from "./stages.ts";
import { isTime, namedAxis, over, remember, toF32 } from "./tensors.ts";
import type { CallSite, Stage, StageSite, Tensor } from "./values.ts";
import { asVector, concatTensors } from "./vectors.ts";

/** The windows along one axis: window i holds the places from `i * stride - pad` on, `size` of them; outside is 0. */
interface Windows {
  readonly name: string;
  readonly axis: Axis;
  readonly size: number;
  readonly stride: number;
  readonly pad: number;
  /** Along it lie the windows; the axis itself where there are as many as places. */
  readonly to: Axis;
}

type Extent = Pick<Windows, "size" | "stride" | "pad">;

/** `conv(n, k, stride = 1, pad = 0)` */
export function convolution(call: CallSite): Stage {
  checkArguments(call, "conv", ["n", "k", "stride", "pad", "along"], 4);
  const [n, k] = [given(call, "n", 0), given(call, "k", 1)];
  if (!n || !k) failCount(call, "conv", 2, positional(call).length, "Write `conv(32, 3)`: features, window.");
  return {
    kind: "stage",
    name: "conv",
    apply: ([value], site) => {
      const features = evaluateSize(n, call.environment);
      const axes = chosenAxes(value!, call, "conv", site);
      const sizes = perAxis("k", k, axes, 1, call);
      const strides = perAxis("stride", given(call, "stride", 2), axes, 1, call);
      const pads = perAxis("pad", given(call, "pad", 3), axes, 0, call);
      const windows = axes.map((axis, a) =>
        windowsAlong(axis, { size: sizes[a]!, stride: strides[a]!, pad: pads[a]! }, k, call),
      );
      if (windows.some(({ size }) => size > 1)) noteSight("conv", value!, windows, site);
      const path = openChild(site.environment, "conv");
      const inner = { ...site, environment: { ...site.environment, path } };
      const patches = windows.reduceRight<Tensor>(
        (x, along) => unfolded(x, along, inner),
        asVector(over(value!, toF32(value!.node)), site.environment),
      );
      return mapTo(patches, features, inner.environment, site.span);
    },
  };
}

/** `pool(k)`: what is left of an axis after its last whole window is left out. */
export function maximumPooling(call: CallSite): Stage {
  checkArguments(call, "pool", ["k", "along"], 1);
  const k = given(call, "k", 0);
  if (!k) failCount(call, "pool", 1, 0, "Write `pool(2)`.");
  return {
    kind: "stage",
    name: "pool",
    apply: ([value], site) => {
      const axes = chosenAxes(value!, call, "pool", site);
      const sizes = perAxis("k", k, axes, 1, call);
      const windows = axes.map((axis, a) =>
        windowsAlong(axis, { size: sizes[a]!, stride: sizes[a]!, pad: 0 }, k, call),
      );
      noteSight("pool", value!, windows, site);
      return windows.reduceRight(
        (x, along) => maximum(x, along, site.environment.session),
        over(value!, toF32(value!.node)),
      );
    },
  };
}

// ---- what a call asks for -----------------------------------------------------------------------------------------

const given = (call: CallSite, name: string, place: number) =>
  namedArgument(call, name) ?? positional(call)[place]?.value ?? null;

/** The axis that `along` names, else the fixed named ones, else the sequence's innermost. */
function chosenAxes(value: Tensor, call: CallSite, stage: string, site: StageSite): Tensor["axes"] {
  const named = namedArgument(call, "along");
  const along = named ? stageName(named) : null;
  const fixed = value.axes.filter(({ axis }) => axis.size.kind === "fixed");
  if (along === null && fixed.length > 0) return fixed;
  const axis = runningAxis(value, along, stage, site.environment, site.span);
  return value.axes.filter((a) => a.axis === axis);
}

/** One number for each axis, from a number for all or a list. */
function perAxis(
  option: string,
  expression: ReturnType<typeof given>,
  axes: Tensor["axes"],
  least: number,
  { environment }: CallSite,
): readonly number[] {
  if (!expression) return axes.map(() => least);
  const value = evaluate(expression, environment);
  const all =
    value.kind === "number" ? axes.map(() => value.value) : value.kind === "list" ? value.values : [];
  if (all.length === axes.length && all.every((x) => Number.isInteger(x) && x >= least)) return all;
  return fail(environment, "window-numbers", expression.span, {
    option,
    least,
    count: axes.length,
    axes: axes.map(({ name }) => `\`${name}\``).join(", "),
  });
}

function windowsAlong(
  { name, axis }: Tensor["axes"][number],
  extent: Extent,
  written: NonNullable<ReturnType<typeof given>>,
  { environment }: CallSite,
): Windows {
  const { size, stride, pad } = extent;
  const plus = 2 * pad - size + stride;
  const common = { name, axis, ...extent };
  if (axis.size.kind === "fixed") {
    const places = axis.size.size;
    const count = Math.floor((places + plus) / stride);
    if (count < 1) fail(environment, "window-too-large", written.span, { size, places, axis: name });
    return { ...common, to: count === places ? axis : namedAxis(environment.session, name, count) };
  }
  if (stride === 1 && plus === 0) return { ...common, to: axis };
  const sum = plus === 0 ? axis.name : `${axis.name}${plus < 0 ? "" : "+"}${plus}`;
  const label = stride === 1 ? sum : `${/[-+]/u.test(sum) ? `(${sum})` : sum}/${stride}`;
  const to = remember(environment.session, `windows:${label}`, () => ({
    name: label,
    kind: "time",
    size: { kind: "linear", of: axis, times: 1, plus, ...(stride === 1 ? {} : { by: stride }) },
    order: axis.order + 0.03125,
  }));
  return { ...common, to };
}

/** A window of several places of a sequence reads later steps. */
function noteSight(
  what: string,
  value: Tensor,
  windows: readonly Windows[],
  { environment, span }: StageSite,
): void {
  const { session, file } = environment;
  for (const { axis } of windows)
    if (isTime(axis)) session.looksAhead.push({ what, axis, of: value.node, file, span });
}

// ---- windows ------------------------------------------------------------------------------------------------------

/** The places of each window side by side in the feature. */
function unfolded(value: Tensor, windows: Windows, site: StageSite): Tensor {
  const places = placesOf(value.node, windows, site.environment.session).map((node) =>
    along(value, node, windows),
  );
  return places.length === 1 ? places[0]! : concatTensors(places, site.environment, site);
}

/** The first place of every window, the second, and so on: as views or shifts where each place begins a window. */
function placesOf(node: Node, windows: Windows, session: Session): readonly Node[] {
  const { axis, size, stride, pad, to } = windows;
  const each = (place: (k: number) => Node): readonly Node[] =>
    Array.from({ length: size }, (_, k) => place(k));
  if (stride === 1 && to === axis && isTime(axis)) return each((k) => build.shift(node, axis, pad - k));
  if (stride > 1 || isTime(axis))
    return each((k) => build.gather(node, build.add(starts(windows), build.constant(k - pad, "i32")), axis));
  if (pad === 0) return each((k) => (size === 1 ? node : build.slice(node, axis, k, to)));
  const count = build.fixedSize(axis) + 2 * pad;
  const wide = remember(session, `margins:${axis.name}+${pad}`, () =>
    build.fixedAxis(`${axis.name}+${pad}`, count, axis.order, "named"),
  );
  const padded = build.place(node, wide, pad, axis);
  return each((k) => build.slice(padded, wide, k, to));
}

/** Where each window begins, without its margin. */
const starts = ({ to, stride }: Windows): Node =>
  stride === 1 ? build.iota(to) : build.mul(build.iota(to), build.constant(stride, "i32"));

/** The largest of each window; of equals the first. */
function maximum(value: Tensor, windows: Windows, session: Session): Tensor {
  const { axis, size } = windows;
  const place = remember(session, `places:${size}`, () =>
    build.fixedAxis(`places${size}`, size, size, "stack"),
  );
  const at = build.add(build.broadcast(starts(windows), [place]), build.iota(place));
  return along(value, build.reduce("max", build.gather(value.node, at, axis), [place]), windows);
}

/** A node with the windows in the place of the axis. */
const along = (value: Tensor, node: Node, { name, axis, to }: Windows): Tensor => ({
  ...over(value, node),
  axes: value.axes.map((a) => (a.axis === axis ? { name, axis: to } : a)),
});
