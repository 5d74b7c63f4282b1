/**
 * Every order of passes over the graph, with the reason for each place, and what runs them. Each pass but
 * those that give a graph its meaning can be switched off by name; the values stay the same, the speed does not.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph/types.ts";
import { verify } from "../ir/graph/verify.ts";
import { deferWeightGradients } from "./defer-weight-gradients.ts";
import { differentiate, makeDifferentiate } from "./differentiate.ts";
import { makeGatherProducts } from "./gather-products.ts";
import { guardUpdates } from "./guard-updates.ts";
import { hoist } from "./hoist.ts";
import { maskPadding } from "./mask-padding.ts";
import { makeMergeGates } from "./merge-gates.ts";
import type { Pass } from "./pass.ts";
import { makePullback } from "./pullback.ts";
import type { Owner } from "./stacked-sums.ts";
import { simplify } from "./simplify.ts";
import { splitStates } from "./split-states.ts";
import { straighten } from "./straighten.ts";
import { makeUnroll, unroll } from "./unroll.ts";

export type Entry = "inference" | "training";

export interface PipelineOptions {
  /** Names of passes to leave out. */
  readonly without?: ReadonlySet<string>;
  /** Scans over a fixed axis of at most this size become straight code. */
  readonly unrollLimit?: number;
  /** Back-propagation through time stops wherever the position is a multiple of this. */
  readonly truncate?: number;
  /** The way back computes products and gates again instead of reading them: less memory, a third more work. */
  readonly recompute?: boolean;
  /** How many lookups in a table a training step is expected to make; unknown, products stay after them. */
  readonly lookups?: number;
  /** Which of several objectives trains a parameter, by its name, and whose gradients are wanted; one has all if not given. */
  readonly owner?: Owner;
  readonly trains?: number;
  /** Differentiates predictions in place of a loss, by the parameters and by these inputs. */
  readonly pullback?: ReadonlySet<string>;
}

const alone: Owner = () => 0;

/** What all entries of a model share, run on their joint graph. */
export function forwardPasses(options: PipelineOptions = {}): readonly Pass[] {
  const { unrollLimit, owner = alone } = options;
  const passes: readonly Pass[] = [
    // Elaboration writes one equation after another; what follows looks for equal values, so they must be one node.
    simplify,
    // Before hoist, which asks what a state goes into.
    splitStates,
    // Brings the products of all steps out of the loops, where those of two directions and of all gates can meet;
    // and sorts sums such that what is left inside meets what was brought out.
    hoist,
    // Needs both places of a gate's products: outside and in the loop.
    makeMergeGates(owner),
    // After hoist, so that what does not depend on the step is not multiplied by the steps; before differentiate,
    // which makes no reversed scan of what is straight code.
    unrollLimit === undefined ? unroll : makeUnroll(unrollLimit),
    // Takes parts of stacks apart and drops the elements that were merged.
    simplify,
  ];
  return enabled(passes, options);
}

/** What training adds. */
export function backwardPasses(options: PipelineOptions = {}): readonly Pass[] {
  const { truncate, recompute = false, lookups, owner = alone, trains = 0, pullback } = options;
  const passes: readonly Pass[] = [
    // On products that are hoisted and merged; before differentiate, so that the gradient is looked up too.
    ...(lookups === undefined ? [] : [makeGatherProducts({ lookups })]),
    // After the passes above, so that the gradient has their shape too: one product for all gates.
    pullback
      ? makePullback(pullback)
      : makeDifferentiate({
          ...(truncate === undefined ? {} : { truncate }),
          recompute,
          trains: (parameter) => owner(parameter) === trains,
        }),
    // Makes stacks of the gates' cotangents, and one scan of each pair with and without tape.
    simplify,
    // What the reversed scans read only from the tape is computed over all steps at once; but for what they are to
    // compute again, which would be kept over all steps after all.
    ...(recompute ? [] : [hoist]),
    // After hoist: then what remains of a weight's gradient in the loop really depends on it.
    deferWeightGradients,
    // After it: what could leave the loop has left.
    guardUpdates,
    // Deferred products over the same sequences become one, and elements that only they needed go.
    simplify,
  ];
  return enabled(passes, options);
}

/** What every entry ends with. */
export function finalPasses(options: PipelineOptions = {}): readonly Pass[] {
  const passes: readonly Pass[] = [
    // After differentiate, whose rules are those of reductions as a whole.
    straighten,
    // Every pass before may move reductions; this one looks at what each of them finally reads.
    maskPadding,
  ];
  return enabled(passes, options);
}

/** Passes that give a graph its meaning: without them it would be another, not a slower one. */
const needed: ReadonlySet<string> = new Set([
  differentiate.name,
  makePullback(new Set()).name,
  maskPadding.name,
]);

export const canBeLeftOut = (name: string): boolean => !needed.has(name);

const enabled = (passes: readonly Pass[], { without = new Set() }: PipelineOptions): readonly Pass[] =>
  passes.filter((pass) => needed.has(pass.name) || !without.has(pass.name));

/** All passes over graphs that a compilation may run, by name, each once. */
export const graphPassNames = (): readonly string[] => [
  ...new Set([...graphPasses("training", { lookups: 1 }), makePullback(new Set())].map(({ name }) => name)),
];

/** All passes of one entry on its own. */
export function graphPasses(entry: Entry, options: PipelineOptions = {}): readonly Pass[] {
  const backward = entry === "training" ? backwardPasses(options) : [];
  return [...forwardPasses(options), ...backward, ...finalPasses(options)];
}

/** A graph after one of the passes. */
export interface Stage {
  readonly pass: Pass;
  /** How often the pass has run by now, 1 the first time. */
  readonly round: number;
  readonly graph: Graph;
}

export interface RunOptions {
  /** Whether the graph is verified after each pass; it is, unless this is false. */
  readonly verify?: boolean;
  readonly observe?: (stage: Stage) => void;
}

/** Runs the passes one after the other. A graph that is wrong after a pass is that pass's fault. */
export function runPasses(graph: Graph, passes: readonly Pass[], options: RunOptions = {}): Graph {
  const rounds = new Map<string, number>();
  return passes.reduce((before, pass) => {
    const after = blaming(pass, () => pass.run(before));
    if (options.verify ?? true) blaming(pass, () => verify(after));
    const round = (rounds.get(pass.name) ?? 0) + 1;
    rounds.set(pass.name, round);
    options.observe?.({ pass, round, graph: after });
    return after;
  }, graph);
}

function blaming<T>(pass: Pass, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CompilerBug)) throw error;
    throw new CompilerBug(`in the pass ${pass.name}: ${error.message}`, { cause: error });
  }
}
