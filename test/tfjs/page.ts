/** What a page of the browser tests holds: tfjs with its backends, the runtime of the target, devices for `remoteDevice`. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import * as layers from "@tensorflow/tfjs-layers";
import { base64, fromBase64 } from "../../src/runtime/base64.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import type { Device, DeviceReport } from "../../src/runtime/tfjs/device.ts";
import { openHostModule } from "../../src/runtime/tfjs/host-module.ts";
import { openDevice, openOn } from "../../src/runtime/tfjs/open.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";
import type { Backend, Command } from "./remote-device.ts";

// Small cases would silently run on the CPU.
tf.env().set("WEBGL_CPU_FORWARD", false);
tf.env().set("WEBGPU_CPU_FORWARD", false);

const open: { readonly device: Device; readonly metadata: Metadata }[] = [];

const rnncTest = {
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
    const bufferOf = (name: string) => metadata.buffers[name]!;
    for (const c of commands) {
      if (c.kind === "reserve") device.reserve(c.sizes);
      else if (c.kind === "run") device.run(c.entry);
      else if (c.kind === "dispose") device.dispose();
      else {
        const { buffer: bytes } = fromBase64(c.bytes);
        const buffer = bufferOf(c.buffer);
        device.write(buffer, buffer.dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes));
      }
    }
    const found = read.length > 0 ? await device.read(read.map(bufferOf)) : [];
    const bytes = found.map((x) => base64(new Uint8Array(x.buffer, x.byteOffset, x.byteLength)));
    return { bytes, report: device.report() };
  },
};

declare global {
  var rnncTest: {
    open: (backend: Backend, program: TfjsProgram, metadata: Metadata) => Promise<number>;
    apply: (
      id: number,
      commands: readonly Command[],
      read: readonly string[],
    ) => Promise<{ bytes: string[]; report: DeviceReport }>;
  };
}

Object.assign(globalThis, { tf, layers, openOn, rnncTest });
