/** Learned tensors: `param` statements, the weights of `affine`, and how each starts. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Initialiser, Node } from "../ir/graph/types.ts";
import type { Expression, ParamStatement, Span } from "../parser/ast.ts";
import { childPath, fail, placeIn, type Environment } from "./environment.ts";
import { evaluate, evaluateSize, find } from "./evaluate.ts";
import { featureAxis, namedAxis, plainAxis, tensor } from "./tensors.ts";
import type { Tensor } from "./values.ts";

/**
 * The parameter of this name within the path. Asked again from the same place (another mode, another attempt, another use of
 * its net) it is the same; a second one of the name in the same place is told apart by an ordinal.
 */
export function parameter(
  environment: Environment,
  name: string,
  axes: readonly Axis[],
  initialiser: Initialiser,
  span: Span,
): Node<"param"> {
  const { session } = environment;
  const path = childPath(session, environment.path, name);
  const { name: full } = path;
  const before = session.parameters.get(full);
  if (before && build.sameAxes(before.parameter.axes, axes)) return before.node;
  if (before) meetShape(environment, full, before.parameter.axes, axes, span);
  const made = { name: full, axes, initialiser };
  const node = build.param(made);
  session.parameters.set(full, { parameter: made, node, path });
  return node;
}

/** What is learned once for several uses has one shape in all of them. */
function meetShape(
  environment: Environment,
  name: string,
  before: readonly Axis[],
  now: readonly Axis[],
  span: Span,
): void {
  const { sizes } = environment.session;
  const [first, second] = [before, now].map((axes) => axes.map(build.fixedSize)) as [number[], number[]];
  if (first.length === second.length && first.every((size, k) => sizes.unify(size, second[k]!))) return;
  const text = (shape: readonly number[]): string =>
    `[${shape.map((size) => sizes.resolve(size)).join(", ")}]`;
  fail(environment, "shapes-of-one-net", span, { name, before: text(first), now: text(second) });
}

/** `param W[n, m] = glorot`: named entries are axes, unnamed ones are told apart; the last is the feature. */
export function learnedTensor(statement: ParamStatement, environment: Environment): Tensor {
  const { session } = environment;
  const sizes = statement.axes.map((entry) => {
    if (entry.size) return evaluateSize(entry.size, environment);
    const name = entry.name!.name.replace(/'+$/u, "");
    if (find(name, environment)) return evaluateSize({ kind: "name", name, span: entry.span }, environment);
    // A size that no option gives: what the parameter meets says it.
    return session.sizes.fresh(
      `${environment.path.name}[${name}]`,
      placeIn(environment, entry.span),
      `\`${name}\``,
      `Give \`${name}\` a value, as an option or in place of its name.`,
    );
  });
  const last = statement.axes.length - 1;
  const axes = statement.axes.map((entry, k) => {
    const size = sizes[k]!;
    if (k === last && !(entry.name && entry.size)) return featureAxis(session, size);
    if (entry.name && entry.size) return namedAxis(session, entry.name.name, size);
    const level = sizes.slice(k + 1).filter((other) => other === size).length;
    return plainAxis(session, size, level || 1);
  });
  const start = initialiserOf(statement.start, environment);
  const node = parameter(environment, statement.name.name, axes, start, statement.span);
  // A lone name is a size: `W[n, k]`; an axis has both, `M[i: m, d]`.
  const nameOf = (k: number): string | null =>
    statement.axes[k]?.size ? (statement.axes[k]!.name?.name ?? null) : null;
  const visible = axes.flatMap((axis, k) =>
    axis.kind === "feature" ? [] : [{ name: nameOf(k) ?? axis.name, axis }],
  );
  const featureName = nameOf(last);
  return {
    ...tensor(node),
    axes: visible,
    origin: { file: environment.file, span: statement.span },
    ...(featureName !== null && axes[last]!.kind === "feature" ? { featureName } : {}),
  };
}

const plain = ["glorot", "he", "orthogonal", "zeros", "ones"] as const;

/** `glorot`, `normal(0.1)`, `identity(1)`, a number. */
export function initialiserOf(expression: Expression | null, environment: Environment): Initialiser {
  if (expression === null) return { kind: "glorot" };
  const name =
    expression.kind === "name"
      ? expression.name
      : expression.kind === "call" && expression.callee.kind === "name"
        ? expression.callee.name
        : null;
  const argument = expression.kind === "call" ? expression.arguments[0] : undefined;
  const amount = argument ? numberOf(argument.value, environment) : null;
  const simple = plain.find((kind) => kind === name);
  if (simple) return { kind: simple };
  if (name === "normal") return { kind: "normal", deviation: amount ?? 1 };
  if (name === "uniform") return { kind: "uniform", bound: amount ?? 1 };
  if (name === "identity") return { kind: "identity", scale: amount ?? 1 };
  const value = evaluate(expression, environment);
  if (value.kind === "number") return { kind: "constant", value: value.value };
  return fail(environment, "not-an-initialiser", expression.span);
}

function numberOf(expression: Expression, environment: Environment): number {
  const value = evaluate(expression, environment);
  return value.kind === "number" ? value.value : fail(environment, "number-wanted", expression.span);
}
