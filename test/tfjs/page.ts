/** What a page of the browser tests holds: tfjs with its backends, the runtime of the target, devices for `remoteDevice`. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgl";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgpu";
import * as layers from "@tensorflow/tfjs-layers";
import { base64, fromBase64 } from "../../src/runtime/base64.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import { choices } from "../../src/runtime/tfjs/choices.ts";
import type { Device, DeviceReport } from "../../src/runtime/tfjs/device.ts";
import { openHostModule } from "../../src/runtime/tfjs/host-module.ts";
import { openDevice, openOn, type OpenOptions } from "../../src/runtime/tfjs/open.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";
import type { Backend, Command } from "./remote-device.ts";

// Small cases would silently run on the CPU.
tf.env().set("WEBGL_CPU_FORWARD", false);
tf.env().set("WEBGPU_CPU_FORWARD", false);

setWasmPaths("/");

const open: { readonly device: Device; readonly metadata: Metadata }[] = [];

/** What a training step is to a device: its kernels, and the milliseconds until all are enqueued. */
export interface StepCost {
  readonly kernels: number;
  readonly copies: number;
  readonly enqueue: number;
}

/** Calls of a device, by buffers' names. */
function replay(device: Device, metadata: Metadata, commands: readonly Command[]): void {
  for (const c of commands) {
    if (c.kind === "reserve") device.reserve(c.sizes);
    else if (c.kind === "run") device.run(c.entry);
    else if (c.kind === "dispose") device.dispose();
    else {
      const { buffer: bytes } = fromBase64(c.bytes);
      const buffer = metadata.buffers[c.buffer]!;
      device.write(buffer, buffer.dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes));
    }
  }
}

/** A program on WebGPU with other code for one of its shaders. */
export interface Variant {
  readonly shader: number;
  readonly code: string;
}

const rnncTest = {
  /** What the same calls leave in buffers, on a new device for each variant of a program. */
  variants: async (
    program: TfjsProgram,
    metadata: Metadata,
    commands: readonly Command[],
    read: readonly string[],
    variants: readonly Variant[],
  ): Promise<string[]> => {
    await tf.setBackend("webgpu");
    const host = await openHostModule(program.host, metadata);
    const results: string[] = [];
    for (const { shader, code } of variants) {
      const shaders = program.webgpu.shaders.map((s, k) => (k === shader ? { ...s, code } : s));
      const changed = { ...program, webgpu: { ...program.webgpu, shaders } };
      const { device } = openDevice(tf, metadata, changed, host);
      replay(device, metadata, commands);
      const found = await device.read(read.map((name) => metadata.buffers[name]!));
      device.dispose();
      results.push(found.map((values) => values.join()).join("\n"));
    }
    return results;
  },
  /** Of a device that has been given its sizes and inputs. The second of two steps: the first compiles. */
  cost: async (id: number): Promise<StepCost> => {
    const { device, metadata } = open[id]!;
    const step = (): void => {
      device.run("gradients");
      device.run("update");
    };
    const settled = (): Promise<unknown> => device.read([metadata.buffers["train:loss"]!]);
    step();
    await settled();
    const before = device.report();
    const start = performance.now();
    step();
    const enqueue = performance.now() - start;
    const after = device.report();
    await settled();
    return { kernels: after.runs - before.runs, copies: after.copies - before.copies, enqueue };
  },
  /** The same of a language model in tfjs-layers: embedding, LSTM, softmax, cross-entropy, Adam. */
  layersCost: async (
    backend: Backend,
    { B, T, V, H }: Record<"B" | "T" | "V" | "H", number>,
  ): Promise<StepCost> => {
    await tf.setBackend(backend);
    const model = layers.sequential({
      layers: [
        layers.layers.embedding({ inputDim: V, outputDim: V, inputLength: T }),
        layers.layers.lstm({ units: H, returnSequences: true, recurrentActivation: "sigmoid" }),
        layers.layers.dense({ units: V, activation: "softmax" }),
      ],
    });
    model.compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy" });
    const [x, y] = [1, 2].map((seed) => tf.randomUniform([B, T], 0, V, "int32", seed));
    const labels = tf.expandDims(tf.cast(y!, "float32"), 2);
    // What `fit` calls for a batch.
    const { model: built } = model as unknown as {
      readonly model: { makeTrainFunction: () => (data: tf.Tensor[]) => tf.Tensor[] };
    };
    const trainFunction = built.makeTrainFunction();
    const step = (): tf.Tensor[] => trainFunction([x!, labels]);
    await step()[0]!.data();
    const start = performance.now();
    const [loss] = step();
    const enqueue = performance.now() - start;
    await loss!.data();
    const { kernels } = await tf.profile(() => step()[0]!);
    return { kernels: kernels.length, copies: 0, enqueue };
  },
  open: async (backend: Backend, program: TfjsProgram, metadata: Metadata): Promise<number> => {
    if (!(await tf.setBackend(backend))) throw new Error(`tfjs has no ${backend} here`);
    return (
      open.push({
        device: openDevice(tf, metadata, program, await openHostModule(program.host, metadata)).device,
        metadata,
      }) - 1
    );
  },
  apply: async (
    id: number,
    commands: readonly Command[],
    read: readonly string[],
  ): Promise<{ bytes: string[]; report: DeviceReport }> => {
    const { device, metadata } = open[id]!;
    replay(device, metadata, commands);
    const found = read.length > 0 ? await device.read(read.map((name) => metadata.buffers[name]!)) : [];
    const bytes = found.map((x) => base64(new Uint8Array(x.buffer, x.byteOffset, x.byteLength)));
    return { bytes, report: device.report() };
  },
};

export type RnncTest = typeof rnncTest;

declare global {
  var rnncTest: RnncTest;
}

Object.assign(globalThis, {
  tf,
  layers,
  openOn: (options: OpenOptions) => openOn({ choices, ...options }),
  rnncTest,
});
