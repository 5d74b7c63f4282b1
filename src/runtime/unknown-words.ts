/** Answers whose `<unk>` are the words of the source that the model looked at (Luong, Sutskever et al. 2015). */
import type { Batch } from "./batch.ts";
import { fail } from "./errors.ts";
import { type Answer, type Decoded, withAnswers } from "./generate.ts";
import type { ModelCore } from "./model.ts";
import { readDense } from "./results.ts";

/** `table`: words by those of the source; a word that it lacks stands for itself. */
export function replaceUnknown(
  { machine, of, outputsOf }: ModelCore,
  batch: Batch,
  found: readonly Decoded[],
  table: ReadonlyMap<string, string>,
): readonly Decoded[] {
  const { attended, data, axis } = of.metadata.generation!;
  if (!attended) return fail(`\`${data}\` attends to no words of an input, which could stand for <unk>`);
  const { unknown } = of.specs.get(data)!.vocabulary!;
  const own = of.specs.get(attended.source)!.vocabulary!;
  const sources = batch.columns.get(attended.source)!;
  /** Answers of one rank, each with its example. */
  const replaced = (answers: readonly Answer[]): readonly Answer[] => {
    const forced = withAnswers(of, batch, answers);
    outputsOf(forced, () => []);
    const axes = [{ name: axis, size: null }];
    const places = readDense(machine, { axes }, machine.buffer(attended.places)!, forced);
    return answers.map((answer, example): Answer => {
      const { data: ids, words } = sources[example]!;
      const wordAt = (place: number): string | undefined =>
        ids[place] === own.unknown ? words?.[place] : own.entries[ids[place]!];
      const labels = (): string[] =>
        (answer.labels() as readonly string[]).map((label, t) => {
          const word = answer.data[t] === unknown ? wordAt(places[example]!.data[t]!) : undefined;
          return word === undefined ? label : (table.get(word) ?? word);
        });
      return { ...answer, labels, text: () => labels().join(" ") };
    });
  };
  const ranks = Math.max(...found.map(({ best }) => best.length));
  const all = Array.from({ length: ranks }, (_, rank) =>
    replaced(found.map(({ best }) => best[rank] ?? best[0]!)),
  );
  return found.map((answer, example) => {
    const best = answer.best.map((_, rank) => all[rank]![example]!);
    return { ...best[0]!, best };
  });
}
