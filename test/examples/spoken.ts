/** Speech that tests make themselves: each sound has a spectrum of its own, spoken for some frames, louder or softer, with noise. */
import { random } from "../../src/ir/random.ts";

const bands = 13;

const normal = (seed: number, k: number): number => random("normal", seed, 5, 0, k);
const uniform = (seed: number, k: number): number => random("uniform", seed, 6, 0, k);

/** The spectrum of a sound: a peak, or two. */
const spectrum = (sound: string): number[] => {
  const at = sound.codePointAt(0)! - "a".codePointAt(0)!;
  return Array.from({ length: bands }, (_, band) => {
    const peak = (center: number): number => Math.exp(-(((band - center) / 1.5) ** 2));
    return peak((at * 5) % bands) + 0.6 * peak((at * 3 + 7) % bands);
  });
};

/** Frames of a word, whose letters are its sounds; another seed is another voice. `noise` is the deviation in each band. */
export function speak(word: string, seed: number, noise = 0.15): number[][] {
  const loudness = 0.7 + 0.6 * uniform(seed, 0);
  const frames = [...word].flatMap((sound, k) =>
    Array.from({ length: 2 + Math.floor(4 * uniform(seed, k + 1)) }, () => spectrum(sound)),
  );
  return frames.map((frame, t) =>
    frame.map((x, band) => loudness * x + noise * normal(seed, bands * t + band)),
  );
}
