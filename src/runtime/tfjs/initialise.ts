/** The first weights, drawn by the WASM target's own code: the same seed gives the same bits on every target. */
import { fromBase64 } from "../base64.ts";
import type { InitialiserInfo } from "./program.ts";

export type Initialise = (parameters: Float32Array, counters: Int32Array) => void;

/** Writes all parameters, from the seed in `counters`, and counters as a training starts with them. */
export async function openInitialiser({ wasm, parameters, counters }: InitialiserInfo): Promise<Initialise> {
  const module = await WebAssembly.compile(fromBase64(wasm));
  return (toParameters, toCounters) => {
    // An instance a call, which is rare: its memory is given back.
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 32768 });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const call = (name: string, ...values: number[]): number =>
      Number((exports[name] as (...values: number[]) => unknown)(...values));
    call("reserve", ...sizes(exports["reserve"] as { readonly length: number }));
    const [p, c] = [call("base", parameters), call("base", counters)];
    new Int32Array(memory.buffer, c, toCounters.length).set(toCounters);
    call("initialise");
    toParameters.set(new Float32Array(memory.buffer, p, toParameters.length));
    toCounters.set(new Int32Array(memory.buffer, c, toCounters.length));
  };
}

/** The sizes of a batch do not matter here: 1 for each that `reserve` takes. */
const sizes = (reserve: { readonly length: number }): number[] =>
  Array.from({ length: reserve.length }, () => 1);
