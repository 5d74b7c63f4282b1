/**
 * What a whole program must fit together in, once every statement means something: targets that a loss uses and
 * inference never reads, settings that have something to set, a generator that looks only backwards.
 */
import type { Axis, Node } from "../ir/graph/types.ts";
import { bodyRoots, formals, scopes } from "../ir/graph/walk.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Setting } from "../parser/ast.ts";
import type { Result, Session } from "./environment.ts";
import type { Source } from "./run.ts";

/** The inputs of the graph below `roots`; what is `except` is not entered. */
export function inputsBelow(roots: readonly Node[], except: ReadonlySet<Node> = new Set()): Set<string> {
  const names = new Set<string>();
  const seen = new Set<Node>(except);
  const waiting = [...roots];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.op === "input") names.add(node.attributes.name);
    waiting.push(...node.operands);
    if (node.op === "scan") waiting.push(...formals(node), ...bodyRoots(node));
  }
  return names;
}

/** `trained` is the session of the loss in training, `predicted` that of inference. */
export function checkUse(
  { file, program }: Source,
  trained: Session,
  predicted: Session,
  diagnostics: Diagnostic[],
): void {
  const reporter = makeReporter(file, diagnostics);
  const { statements } = program;
  for (const statement of statements)
    if (statement.kind === "target" && !trained.usedTargets.has(statement.name.name))
      reporter.report("unused-target", statement.span, { name: statement.name.name });
  for (const result of predicted.results.values()) checkPrediction(result, predicted, diagnostics);

  const computes = trained.results.size > 0 || trained.objectives.length > 0;
  const [data] = statements.filter((s) => s.kind === "input" || s.kind === "target");
  // Definitions alone are there for others to import.
  if (!computes && (data || statements.length === 0))
    reporter.report("nothing-to-compute", data?.span ?? { start: 0, end: 0 });
  for (const statement of statements)
    if (computes && statement.kind === "train" && trained.objectives.length === 0)
      reporter.report("train-without-loss", statement.span);

  const strategies = statements.flatMap((s) => (s.kind === "decode" ? s.settings : []));
  const [strategy, other] = strategies;
  if (strategy && other)
    reporter.report("two-strategies", other.key.span, { first: strategy.key.name, second: other.key.name }, [
      { message: "The first is here:", file, span: strategy.key.span },
    ]);
  if (strategy && computes) checkGenerator(strategy, predicted, file, diagnostics);
  if (!strategy) checkSight(predicted, diagnostics);
}

/** A target is there in training only, but for what `prev` feeds back. */
function checkPrediction(result: Result, session: Session, diagnostics: Diagnostic[]): void {
  const { origin } = result;
  for (const name of inputsBelow([result.value.node], new Set(session.fedBack.keys()))) {
    const data = session.data.get(name);
    if (data?.role !== "target") continue;
    const target = data.derived?.kind === "next" ? `next(${data.derived.of})` : name;
    makeReporter(origin.file, diagnostics).report("target-in-prediction", origin.span, {
      name: result.name,
      target,
      way:
        data.derived?.kind === "next"
          ? `Only a loss sees the next step; what is known is \`${data.derived.of}\`.`
          : `Let it depend on inputs alone; the answer so far is \`prev(${target})\`.`,
    });
  }
}

/** A strategy chooses entries of a vocabulary; a model that feeds its choices back can't know later ones. */
function checkGenerator(setting: Setting, session: Session, file: string, diagnostics: Diagnostic[]): void {
  const reporter = makeReporter(file, diagnostics);
  const strategy = setting.key.name;
  // How long numbers go on that are fed back is all that there is to say of them.
  const fedBack = new Set(strategy === "greedy" ? session.fedBack.values() : []);
  const chosen = [...session.results.values()].filter(
    ({ target }) => target !== null && (session.data.get(target)?.vocabulary || fedBack.has(target)),
  );
  if (chosen.length === 0) reporter.report("decode-without-choice", setting.span, { strategy });
  const ahead = lookingAhead(session);
  if (ahead)
    makeReporter(ahead.file, diagnostics).report(
      "generator-looks-ahead",
      ahead.span,
      { what: ahead.what, strategy },
      [{ message: "The generator is asked for here:", file, span: setting.span }],
    );
}

/** Who predicts the next step must not read it, even where nothing is generated. */
function checkSight(session: Session, diagnostics: Diagnostic[]): void {
  const ahead = lookingAhead(session);
  if (!ahead) return;
  const next = [...session.data.values()].find(({ derived }) => derived?.kind === "next")?.derived?.of;
  makeReporter(ahead.file, diagnostics).report("sees-the-answer", ahead.span, {
    what: ahead.what,
    why: next ? `\`next(${next})\` is one of them` : "of `prev` they are the answers",
  });
}

/** What reads later steps of what is generated: of `next(x)`, all that goes on with x; of `prev(y)`, what y's choices are in. */
const lookingAhead = (session: Session): Session["looksAhead"][number] | undefined => {
  const continued = continuedAxes(session);
  const predicted = new Set([...session.results.values()].map(({ target }) => target));
  const choices = [...session.fedBack].filter(([, name]) => predicted.has(name)).map(([node]) => node);
  const chosen = new Set(choices.flatMap((node) => (node.op === "shift" ? [node.attributes.axis] : [])));
  return session.looksAhead.find(
    ({ axis, of }) =>
      axis !== null && (continued.has(axis) || (chosen.has(axis) && (of === null || reads(of, choices)))),
  );
};

/** Within a step it is not known what a value reads: it may be choices. */
const reads = (value: Node, choices: readonly Node[]): boolean =>
  scopes()
    .level([value])
    .some((node) => choices.includes(node) || node.op === "state" || node.op === "element");

/** The axes that `next(x)` goes on along. */
function continuedAxes(session: Session): ReadonlySet<Axis> {
  const axes = new Set<Axis>();
  for (const { name, derived } of session.data.values()) {
    const own =
      derived?.kind === "next"
        ? session.data.get(name)!.axes.findLast(({ size }) => size === null)
        : undefined;
    const axis = own && session.axes.get(own.name);
    if (axis) axes.add(axis);
  }
  return axes;
}
