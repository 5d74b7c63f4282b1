/**
 * The WASM target's module of the same program, on the host. It draws the first weights, so one seed gives the same bits on
 * every target; and where tfjs has no GPU it is the device.
 */
import { fromBase64 } from "../base64.ts";
import { fail } from "../errors.ts";
import { type Numbers, type Sizes, span } from "../layout.ts";
import type { BufferInfo, Metadata } from "../metadata.ts";
import type { TensorDevice } from "./device.ts";
import type { Tfjs } from "./open.ts";
import type { HostModuleInfo } from "./program.ts";

interface Instance {
  readonly call: (name: string, ...values: readonly number[]) => number;
  /** All elements of a buffer, padding included. */
  readonly view: (name: string, buffer: BufferInfo, sizes: Sizes) => Numbers;
  readonly bytes: () => number;
}

export interface HostModule {
  readonly module: WebAssembly.Module;
  /** Writes all parameters, from the seed in `counters`, and counters as a training starts with them. */
  readonly initialise: (parameters: Float32Array, counters: Int32Array) => void;
  readonly openDevice: (tf: Tfjs) => TensorDevice;
}

export async function openHostModule(
  { wasm, places }: HostModuleInfo,
  metadata: Metadata,
): Promise<HostModule> {
  const module = await WebAssembly.compile(fromBase64(wasm));
  const open = (): Instance => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 32768 });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const call: Instance["call"] = (name, ...values) =>
      Number((exports[name] as (...values: number[]) => unknown)(...values));
    return {
      call,
      bytes: () => memory.buffer.byteLength,
      view: (name, buffer, sizes) => {
        const { slot, offset } = places[name]!;
        const at = (call("base", slot) >>> 0) + 4 * offset;
        const make = buffer.dtype === "f32" ? Float32Array : Int32Array;
        return new make(memory.buffer, at, span(buffer, sizes));
      },
    };
  };
  const reserve = ({ call }: Instance, sizes: Sizes): void => {
    const wanted = metadata.symbols.map((symbol) => sizes[symbol] ?? 1);
    if (call("reserve", ...wanted) < 0)
      fail(`there is no memory for ${metadata.symbols.map((s, k) => `${s} = ${wanted[k]}`).join(", ")}`);
  };

  return {
    module,
    initialise: (parameters, counters) => {
      // An instance of its own: its memory is given back.
      const instance = open();
      reserve(instance, {});
      const view = (name: string): Numbers => instance.view(name, metadata.buffers[name]!, {});
      view("counters").set(counters);
      instance.call("initialise");
      parameters.set(view("parameters"));
      counters.set(view("counters"));
    },
    openDevice: (tf) => {
      const instance = open();
      const names = new Map(Object.entries(metadata.buffers).map(([name, buffer]) => [buffer, name]));
      const counts = { runs: 0, copies: 0, submits: 0 };
      let sizes: Sizes = {};
      let disposed = false;
      const view = (buffer: BufferInfo): Numbers => {
        if (disposed) fail("the model has been disposed of");
        return instance.view(names.get(buffer)!, buffer, sizes);
      };
      return {
        reserve: (next) => {
          reserve(instance, next);
          sizes = next;
        },
        write: (buffer, data) => view(buffer).set(data),
        run: (entry) => {
          if (disposed) fail("the model has been disposed of");
          instance.call(entry);
          counts.runs++;
        },
        read: async (buffers) => buffers.map((buffer) => view(buffer).slice()),
        take: (buffer, elements) => view(buffer).set(elements.dataSync()),
        give: (buffer) => tf.tensor1d(view(buffer).slice(), buffer.dtype === "f32" ? "float32" : "int32"),
        report: () => ({ bytes: instance.bytes(), buffers: 1, ...counts }),
        dispose: () => void (disposed = true),
      };
    },
  };
}
