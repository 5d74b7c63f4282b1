/**
 * brain.js: its LSTM over characters, which knows no batch and one kind of update. A step of the row is one pass over the
 * B sequences, each with its own update, so the losses cannot be compared.
 */
import { timed } from "../measure.mjs";

export async function openBrain() {
  // The package's root loads its GPU part, whose native module need not be built.
  const { default: loaded } = await import("brain.js/dist/recurrent/lstm.js");
  const LSTM = loaded.default;
  return {
    can: ({ input, head, recurrent }) =>
      input.vocabulary && head?.classes === input.vocabulary && head.classes <= 1000 && recurrent.length === 1
        ? null
        : "trains on characters, without batches",
    prepare: async ({ B, T, input, units }, { tokens }) => {
      const size = input.vocabulary;
      const net = new LSTM({ inputSize: size, inputRange: size, outputSize: size, hiddenLayers: [units] });
      net.initialize();
      net.runs = 0;
      const sequences = Array.from({ length: B }, (_, b) => [...tokens.subarray(b * T, (b + 1) * T)]);
      const run = () => sequences.forEach((sequence) => net.trainPattern(sequence));
      return { time: timed(run), result: null };
    },
    close: () => {},
  };
}
