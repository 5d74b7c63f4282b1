/**
 * Recordings as sequences of vectors: the logarithms of 26 mel bands of a window of 32 ms every 10 ms, with mean 0 and variance 1
 * over the recording, for how loud it is says nothing of the words.
 */
import { readFileSync } from "node:fs";
import Meyda from "meyda";
import wavefile from "wavefile";

const bands = 26;

/** Of a WAV file with one channel: an array of frames, each of 26 numbers. */
export function speechFeatures(path) {
  const wave = new wavefile.WaveFile(readFileSync(path));
  const { sampleRate } = wave.fmt;
  const full = 2 ** (Number(wave.bitDepth) - 1);
  const samples = Float32Array.from(wave.getSamples(false, Float64Array), (x) => x / full);
  Object.assign(Meyda, {
    sampleRate,
    // The fast Fourier transform wants a power of 2.
    bufferSize: 2 ** Math.round(Math.log2(0.032 * sampleRate)),
    melBands: bands,
    windowingFunction: "hamming",
  });
  const hop = Math.round(0.01 * sampleRate);
  const frames = [];
  for (let from = 0; from === 0 || from + Meyda.bufferSize <= samples.length; from += hop) {
    const frame = new Float32Array(Meyda.bufferSize);
    frame.set(samples.subarray(from, from + Meyda.bufferSize));
    frames.push(Meyda.extract("melBands", frame).map((energy) => Math.log(energy + 1e-6)));
  }
  return normalised(frames);
}

/** All bands alike: what each of them has more than others is what tells sounds apart. */
function normalised(frames) {
  const all = frames.flat();
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length);
  return frames.map((frame) => frame.map((x) => Number(((x - mean) / deviation).toFixed(3))));
}
