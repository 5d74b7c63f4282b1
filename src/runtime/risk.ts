/**
 * Minimum risk training (Shen et al. 2016). For each example the model draws answers; with the true one they are its
 * candidates c, and what is made small is the expected risk R = Σ Q(c) Δ(c), Q(c) ∝ p(c)^α, Δ = 1 - BLEU. Its gradient by
 * log p(c) is α Q(c) (Δ(c) - R): the module learns from a batch of all candidates, each with this weight.
 */
import { assemble, type Batch, type DataSpecs } from "./batch.ts";
import { endOf } from "./choice-data.ts";
import type { Example } from "./encode.ts";
import { fail } from "./errors.ts";
import { feed } from "./feed.ts";
import { answer } from "./generate.ts";
import { type Machine, newTenant } from "./machine.ts";
import type { GenerationInfo } from "./metadata.ts";
import { readOutput } from "./results.ts";

/** How far the best candidates count above the others: the paper's. */
const sharpness = 0.005;

export interface Candidates {
  readonly batch: Batch;
  /** The expected risk, the mean over the examples. */
  readonly risk: number;
}

/** The batch that a step learns from instead of `batch`; null for a model that does not ask for its risk. */
export function candidatesOf(machine: Machine, of: DataSpecs, batch: Batch, seed: number): Candidates | null {
  const wanted = machine.metadata.data.find(({ derived }) => derived?.kind === "risk");
  if (wanted?.derived?.kind !== "risk") return null;
  const info =
    machine.metadata.generation ?? fail("minimum risk is for models that make choices of their own");
  const { samples, of: data } = wanted.derived;
  const end = endOf(of, info);
  const references = batch.columns.get(data)!;
  const drawn = answer(machine, of, batch, { samples, seed });
  const sets = references.map((reference, k) => {
    const true_ = bare(reference.data, end);
    const others = drawn[k]!.best.map(({ data }) => [...data]);
    const all = new Map([true_, ...others].map((ids) => [ids.join(" "), ids]));
    return [...all.values()].map((ids) => ({ ids, risk: 1 - sentenceBleu(ids, true_) }));
  });
  const rows = sets.flatMap((set, example) => set.map((candidate) => ({ ...candidate, example })));
  const column = rows.map(({ ids }): Example => {
    const data = Int32Array.from(end >= 0 ? [...ids, end] : ids);
    return { data, shape: [data.length], inner: new Map() };
  });
  const repeated = [...batch.columns].map(
    ([name, examples]) =>
      [name, name === data ? column : rows.map(({ example }) => examples[example]!)] as const,
  );
  const ids = rows.map(({ example }) => batch.ids[example]!);
  const made = assemble(of, new Map(repeated), false, { ids });
  const logs = logProbabilities(machine, of, made, info);

  let at = 0;
  let total = 0;
  const weights = sets.flatMap((set) => {
    const own = logs.slice(at, (at += set.length)).map((log) => sharpness * log);
    const top = Math.max(...own);
    const powers = own.map((log) => Math.exp(log - top));
    const sum = powers.reduce((a, b) => a + b);
    const expected = set.reduce((r, { risk }, k) => r + (powers[k]! / sum) * risk, 0);
    total += expected;
    // The loss of a row is -log p, averaged over the rows: the gradient is to be the mean over the examples.
    const scale = rows.length / sets.length;
    return set.map(({ risk }, k) => -scale * sharpness * (powers[k]! / sum) * (risk - expected));
  });
  const risks = weights.map((weight): Example => ({
    data: Float32Array.of(weight),
    shape: [],
    inner: new Map(),
  }));
  return {
    batch: assemble(of, new Map([...made.columns, [wanted.name, risks]]), false, { ids }),
    risk: total / sets.length,
  };
}

const bare = (ids: ArrayLike<number>, end: number): readonly number[] =>
  Array.from(ids).filter((id, k) => !(id === end && k === ids.length - 1));

/** Of each row's entries, after the true ones before them. */
function logProbabilities(
  machine: Machine,
  of: DataSpecs,
  batch: Batch,
  { data, output }: GenerationInfo,
): readonly number[] {
  feed(machine, of, batch, newTenant());
  machine.run("predict");
  const info = machine.metadata.outputs.find(({ name }) => name === output)!;
  const results = readOutput(machine, info, machine.buffer(info.predict!)!, batch, null);
  return results.map((result, k) => {
    const classes = result.shape.at(-1)!;
    return Array.from(batch.columns.get(data)![k]!.data).reduce(
      (sum, id, t) => sum + Math.log(Math.max(result.data[t * classes + id]!, 1e-30)),
      0,
    );
  });
}

const orders = [1, 2, 3, 4];

/** BLEU of one answer, one added to the counts of pairs and more so that no order makes it zero (Lin & Och 2004). */
export function sentenceBleu(found: readonly number[], wanted: readonly number[]): number {
  if (found.length === 0) return wanted.length === 0 ? 1 : 0;
  const logs = orders.map((n) => {
    const left = grams(wanted, n);
    const own = grams(found, n);
    let right = 0;
    for (const [gram, count] of own) right += Math.min(count, left.get(gram) ?? 0);
    const all = Math.max(0, found.length - n + 1);
    return n === 1 ? Math.log(right / all) : Math.log((right + 1) / (all + 1));
  });
  const precision = Math.exp(logs.reduce((a, b) => a + b) / orders.length);
  return precision * Math.min(1, Math.exp(1 - wanted.length / found.length));
}

function grams(ids: readonly number[], n: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let from = 0; from + n <= ids.length; from++) {
    const gram = ids.slice(from, from + n).join(" ");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}
