/** Stages and modifiers that the language cannot say itself: which step of a sequence, which direction, how often. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import { openChild } from "./body.ts";
import { checkArguments, failCount } from "./arguments.ts";
import { convolution, maximumPooling } from "./convolution.ts";
import { meanOver } from "./reductions.ts";
import { concatTensors } from "./vectors.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { stageFrom, stageName } from "./stages.ts";
import { failSequence, runningAxis } from "./running-axis.ts";
import { elementwise, over, toF32 } from "./tensors.ts";
import type { CallSite, Stage, StageSite, Tensor, Value } from "./values.ts";

// ---- one vector from a sequence -----------------------------------------------------------------------------------

/** A stage over the running axis, which goes. */
const pooling =
  (name: string, pool: (value: Tensor, axis: Axis, site: StageSite) => Node) =>
  (call: CallSite): Stage => ({
    kind: "stage",
    name,
    apply: ([value], site) => {
      checkArguments(call, name, ["along"], 0);
      const axis = runningAxis(value!, along(call), name, site.environment, site.span);
      const node = pool(value!, axis, site);
      return {
        ...over(value!, node),
        vocabulary: node.type.dtype === "i32" ? value!.vocabulary : null,
        origin: value!.origin,
      };
    },
  });

function along(call: CallSite): string | null {
  const argument = call.arguments.find((a) => a.name?.name === "along");
  return argument ? stageName(argument.value) : null;
}

const firstStep = (node: Node, axis: Axis): Node => build.gather(node, build.constant(0, "i32"), axis);

export const lastStep = (node: Node, axis: Axis): Node =>
  build.gather(node, build.sub(build.length(axis), build.constant(1, "i32")), axis);

/** The last step in the cell's own time: what it ended in, after `bidir` each direction's own end. */
const lastOf = (value: Tensor, axis: Axis, site: StageSite): Node =>
  value.ends?.axis === axis
    ? value.ends.value.node
    : site.backward
      ? firstStep(value.node, axis)
      : lastStep(value.node, axis);

const firstOf = (value: Tensor, axis: Axis, site: StageSite): Node =>
  site.backward ? lastStep(value.node, axis) : firstStep(value.node, axis);

const looksAhead = (site: StageSite, what: string, axis: Axis | null, of: Node | null): void => {
  const { session, file } = site.environment;
  session.looksAhead.push({ what, axis, of, file, span: site.span });
};

export const builtinStages: Readonly<Record<string, (call: CallSite) => Stage>> = {
  last: pooling("last", lastOf),
  first: pooling("first", firstOf),
  mean: pooling("mean", (value, axis) => meanOver(toF32(value.node), [axis])),
  max: pooling("max", (value, axis) => build.reduce("max", toF32(value.node), [axis])),
  conv: convolution,
  pool: maximumPooling,
  each: eachOf,
  repeat: repeatAlong,
  reverse: (call) => ({
    kind: "stage",
    name: "reverse",
    apply: ([value], site) => {
      checkArguments(call, "reverse", ["along"], 0);
      const axis = runningAxis(value!, along(call), "reverse", site.environment, site.span);
      looksAhead(site, "reverse", axis, value!.node);
      return { ...value!, node: build.reverse(value!.node, axis), ends: null };
    },
  }),
};

// ---- leading axes -------------------------------------------------------------------------------------------------

/** `each(stage)`: the stage at every place of the leading axis, which it does not see. */
function eachOf(call: CallSite): Stage {
  const [argument] = call.arguments;
  if (!argument) failCount(call, "each", 1, 0, "Write the stage: `each(lstm(128) >> last)`.");
  checkArguments(call, "each", [], 1);
  return {
    kind: "stage",
    name: "each",
    apply: (inputs, site) => {
      const leading = inputs[0]?.axes[0];
      if (!leading) return failSequence("each", inputs[0]!, site.environment, site.span);
      const hide = <T extends Value | null>(value: T): T =>
        value?.kind === "tensor"
          ? { ...value, axes: value.axes.filter((a) => a.axis !== leading.axis) }
          : value;
      const hiding = (environment: Environment): Environment => ({
        ...environment,
        lookup: (name) => hide(environment.lookup(name)),
      });
      const stage = stageFrom(argument.value, hiding(call.environment));
      const result = stage.apply(inputs.map(hide), { ...site, environment: hiding(site.environment) });
      return {
        ...result,
        axes: build.hasAxis(result.node, leading.axis) ? [leading, ...hide(result).axes] : result.axes,
      };
    },
  };
}

/** `repeat(S)`: the same value at every place of an axis. */
function repeatAlong(call: CallSite): Stage {
  const [argument] = call.arguments;
  if (!argument) failCount(call, "repeat", 1, 0, "Write the axis: `repeat(S)`.");
  checkArguments(call, "repeat", [], 1);
  const name = stageName(argument.value) ?? "";
  const { axes } = call.environment.session;
  const axis = axes.get(name);
  if (!axis || axis.kind === "feature")
    return fail(call.environment, "no-such-axis", argument.span, {
      axis: name,
      nearest:
        nearest(
          name,
          [...axes.values()].filter((a) => a.kind === "time").map((a) => a.name),
        ) ?? "",
    });
  return {
    kind: "stage",
    name: "repeat",
    apply: ([value]) => ({
      ...value!,
      node: build.broadcast(value!.node, [axis]),
      axes: [{ name, axis }, ...value!.axes.filter((a) => a.axis !== axis)],
      ends: null,
    }),
  };
}

// ---- modifiers ------------------------------------------------------------------------------------------------------

const merges = ["concat", "sum", "mean"] as const;

/** `bidir`, `bidir(sum)`, `bidir(merge = sum)`. */
function mergeOf(call: CallSite): (typeof merges)[number] {
  const [argument] = call.arguments;
  if (!argument) return "concat";
  checkArguments(call, "bidir", ["merge"], 1);
  const name = stageName(argument.value) ?? "this";
  return (
    merges.find((word) => word === name) ??
    fail(call.environment, "unknown-choice", argument.value.span, {
      name,
      option: "merge",
      choices: orList(merges),
      nearest: nearest(name, merges) ?? "",
    })
  );
}

/** The stage run in both directions, each with its own parameters, and how the two are merged. */
function bidirectional(stage: Stage, call: CallSite): Stage {
  const merge = mergeOf(call);
  return {
    kind: "stage",
    name: `${stage.name} bidir`,
    apply: (inputs, site) => {
      const { environment } = site;
      const [input] = inputs;
      const axis = input ? runningAxis(input, null, "bidir", environment, site.span) : null;
      looksAhead(
        { ...site, environment: call.environment, span: call.span },
        "bidir",
        axis,
        input?.node ?? null,
      );
      const run = (direction: "forward" | "backward"): Tensor => {
        const backward = direction === "backward" ? !site.backward : site.backward;
        return stage.apply(inputs, {
          ...site,
          backward,
          environment: { ...environment, path: openChild(environment, direction) },
        });
      };
      const [ahead, back] = [run("forward"), run("backward")];
      const join = (a: Tensor, b: Tensor): Tensor => {
        if (merge === "concat") return concatTensors([a, b], environment, call);
        const sum = elementwise(
          "add",
          { value: a, span: call.span },
          { value: b, span: call.span },
          environment,
          call.span,
        );
        return merge === "sum" ? sum : over(sum, build.mul(sum.node, build.constant(0.5)));
      };
      const joined = join(ahead, back);
      if (!axis || !build.hasAxis(ahead.node, axis)) return joined;
      const end = (x: Tensor, backward: boolean): Tensor =>
        x.ends?.axis === axis
          ? x.ends.value
          : over(x, backward ? firstStep(x.node, axis) : lastStep(x.node, axis));
      const value = join(end(ahead, site.backward), end(back, !site.backward));
      return { ...joined, ends: { axis, value } };
    },
  };
}

/** Each is written out. */
const mostStacked = 100;

/** The stage `k` times over, each with its own parameters. */
function stacked(stage: Stage, call: CallSite): Stage {
  const [count] = call.arguments;
  if (!count) failCount(call, "stack", 1, 0, "Write how often: `stack(2)`.");
  checkArguments(call, "stack", [], 1);
  const k = evaluateSize(count.value, call.environment);
  if (k > mostStacked)
    fail(call.environment, "size-too-large", count.value.span, {
      what: "This stack",
      size: k,
      limit: mostStacked,
    });
  return {
    kind: "stage",
    name: `${stage.name} stack(${k})`,
    apply: (inputs, site) =>
      Array.from({ length: k }).reduce<readonly Tensor[]>(
        (values) => [stage.apply(values, site)],
        inputs,
      )[0]!,
  };
}

/** x + stage(x). */
function residual(stage: Stage, call: CallSite): Stage {
  checkArguments(call, "residual", [], 0);
  return {
    kind: "stage",
    name: `${stage.name} residual`,
    apply: ([x], site) => {
      const y = stage.apply([x!], site);
      return elementwise(
        "add",
        { value: y, span: site.span },
        { value: x!, span: call.span },
        site.environment,
        call.span,
      );
    },
  };
}

/** Drops a share of what a recurrence reads of its last output, one mask a sequence. */
function recurrentDropout(stage: Stage, call: CallSite): Stage {
  const [share] = call.arguments;
  const value = share ? evaluate(share.value, call.environment) : null;
  if (value?.kind !== "number") fail(call.environment, "number-wanted", share?.span ?? call.span);
  if (!(value.value >= 0 && value.value < 1))
    fail(call.environment, "setting-range", share!.span, {
      key: "recurrent_dropout",
      wanted: "a share from 0 to below 1",
      found: value.value,
    });
  return {
    kind: "stage",
    name: stage.name,
    apply: (inputs, site) => stage.apply(inputs, { ...site, recurrentDropout: value.value }),
  };
}

export const modifiers: Readonly<Record<string, (stage: Stage, call: CallSite) => Stage>> = {
  bidir: bidirectional,
  stack: stacked,
  residual,
  recurrent_dropout: recurrentDropout,
};
