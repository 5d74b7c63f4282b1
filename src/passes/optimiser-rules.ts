/**
 * Each optimiser as the equations of one element: from the parameter θ, its gradient and its moments, the next ones.
 * The semantics are PyTorch's: momentum without dampening and nesterov (Sutskever et al. 2013), rmsprop (Hinton 2012,
 * with Graves' momentum), adagrad (Duchi et al. 2011), adam (Kingma & Ba 2015), adamw (Loshchilov & Hutter 2019).
 *
 * A gradient, θ and moments of 0 give an update of exactly 0, so the padding of the flat buffers stays zero.
 */
import { binary, f32, unary } from "../ir/kernel/build.ts";
import type { Expression } from "../ir/kernel/types.ts";
import type { Optimiser, OptimiserSettings } from "./train-settings.ts";

const add = (a: Expression, b: Expression): Expression => binary("add", a, b);
const sub = (a: Expression, b: Expression): Expression => binary("sub", a, b);
const mul = (a: Expression, b: Expression): Expression => binary("mul", a, b);
const div = (a: Expression, b: Expression): Expression => binary("div", a, b);
const times = (factor: number, a: Expression): Expression => mul(f32(factor), a);

export interface Element {
  readonly parameter: Expression;
  readonly gradient: Expression;
  /** In the rule's order. */
  readonly moments: readonly Expression[];
  /** Of this update: the learning rate. */
  readonly rate: Expression;
  /** Of this update: rate / (1 - β1^t), which only adam has. */
  readonly stepSize: Expression;
  /** Of this update: 1 / √(1 - β2^t), which only adam has. */
  readonly correction: Expression;
}

export interface Rule {
  readonly moments: readonly string[];
  /** Of the two moments whose bias is corrected by 1 - β^t; null where none is. */
  readonly betas: readonly [number, number] | null;
  /** The next parameter and moments. */
  readonly update: (element: Element) => readonly [parameter: Expression, moments: readonly Expression[]];
}

/** The names of the moments, the average of the parameters last; each is one flat buffer. */
export function momentNames(settings: OptimiserSettings): readonly string[] {
  const { moments } = ruleOf(settings.optimiser);
  return settings.average === null ? moments : [...moments, "average"];
}

export const momentCount = (settings: OptimiserSettings): number => momentNames(settings).length;

export function ruleOf(optimiser: Optimiser): Rule {
  switch (optimiser.kind) {
    case "sgd":
      return {
        moments: [],
        betas: null,
        update: ({ parameter, gradient, rate }) => [sub(parameter, mul(rate, gradient)), []],
      };
    case "momentum":
    case "nesterov":
      return momentum(optimiser.momentum, optimiser.kind === "nesterov");
    case "rmsprop":
      return rmsprop(optimiser);
    case "adagrad":
      return {
        moments: ["square"],
        betas: null,
        update({ parameter, gradient, moments: [square], rate }) {
          const next = add(square!, mul(gradient, gradient));
          const step = div(gradient, add(unary("sqrt", next), epsilonOf(optimiser)));
          return [sub(parameter, mul(rate, step)), [next]];
        },
      };
    case "adam":
      return adam(optimiser, 0);
    case "adamw":
      return adam(optimiser, optimiser.decay);
    default:
      return optimiser satisfies never;
  }
}

/** v ← μv + g; θ ← θ - ηv, or with Nesterov's look ahead θ - η(g + μv). */
function momentum(factor: number, nesterov: boolean): Rule {
  return {
    moments: ["velocity"],
    betas: null,
    update({ parameter, gradient, moments: [velocity], rate }) {
      const next = add(times(factor, velocity!), gradient);
      const step = nesterov ? add(gradient, times(factor, next)) : next;
      return [sub(parameter, mul(rate, step)), [next]];
    },
  };
}

/** s ← αs + (1-α)g²; θ ← θ - ηg/(√s + ε), through a velocity if there is momentum. */
function rmsprop(optimiser: Extract<Optimiser, { kind: "rmsprop" }>): Rule {
  const { alpha, momentum: factor } = optimiser;
  return {
    moments: factor === 0 ? ["square"] : ["square", "velocity"],
    betas: null,
    update({ parameter, gradient, moments: [square, velocity], rate }) {
      const next = add(times(alpha, square!), times(1 - alpha, mul(gradient, gradient)));
      const step = div(gradient, add(unary("sqrt", next), epsilonOf(optimiser)));
      if (velocity === undefined) return [sub(parameter, mul(rate, step)), [next]];
      const nextVelocity = add(times(factor, velocity), step);
      return [sub(parameter, mul(rate, nextVelocity)), [next, nextVelocity]];
    },
  };
}

/**
 * m ← β1 m + (1-β1)g; v ← β2 v + (1-β2)g²; θ ← θ(1 - ηλ) - η/(1-β1^t) · m / (√v/√(1-β2^t) + ε), where λ is the
 * decoupled decay.
 */
function adam(optimiser: Extract<Optimiser, { kind: "adam" | "adamw" }>, decay: number): Rule {
  const { beta1, beta2 } = optimiser;
  return {
    moments: ["mean", "square"],
    betas: [beta1, beta2],
    update({ parameter, gradient, moments: [mean, square], rate, stepSize, correction }) {
      const nextMean = add(times(beta1, mean!), times(1 - beta1, gradient));
      const nextSquare = add(times(beta2, square!), times(1 - beta2, mul(gradient, gradient)));
      const scale = add(mul(unary("sqrt", nextSquare), correction), epsilonOf(optimiser));
      const decayed = decay === 0 ? parameter : sub(parameter, mul(times(decay, rate), parameter));
      return [sub(decayed, mul(stepSize, div(nextMean, scale))), [nextMean, nextSquare]];
    },
  };
}

/** Never 0, not even where the user says so: 0/0 in the padding, or in rows of an embedding never seen, would be NaN. */
const epsilonOf = ({ epsilon }: { readonly epsilon: number }): Expression => f32(Math.max(epsilon, 1e-30));
