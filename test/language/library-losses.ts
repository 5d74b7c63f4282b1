/** Losses of the standard library under another name, with another prediction: the very equations that ship. */
import file from "../../src/std/sequences.rnn";

const { source: sequences } = file;

/** The definition of `crf` that predicts something else. */
export const crfPredicting = (name: string, prediction: string): string =>
  definitionOf("crf")
    .replace("loss crf", `loss ${name}`)
    .replace(/predict .*/u, `predict ${prediction}`);

function definitionOf(loss: string): string {
  const from = sequences.indexOf(`loss ${loss}(`);
  const to = sequences.indexOf("\n}", from) + 2;
  return sequences.slice(from, to);
}
