/**
 * A model on whatever backend tfjs has at the moment. `tf` is the app's own tfjs, so its device, its context and its
 * memory are shared with everything else that the app does in it.
 */
import type * as tfjs from "@tensorflow/tfjs-core";
import type { Metadata } from "../metadata.ts";
import type { Device } from "./device.ts";
import { type HostModule, openHostModule } from "./host-module.ts";
import { type DeviceModel, openModel } from "./model.ts";
import type { Entry, TfjsProgram } from "./program.ts";
import { openWebgl } from "./webgl.ts";
import { openWebgpu } from "./webgpu.ts";

export type Tfjs = typeof tfjs;

export interface OpenOptions {
  readonly tf: Tfjs;
  readonly metadata: Metadata;
  readonly program: TfjsProgram;
  /** A safetensors file. */
  readonly weights?: ArrayBuffer | Uint8Array | null;
}

/** What of tfjs's WebGPU backend is used here. */
interface WebgpuBackend {
  readonly device: GPUDevice;
  readonly commandEncoder: unknown;
  readonly submitQueue: () => void;
  readonly endComputePassEncoder?: () => void;
}

interface WebglBackend {
  readonly gpgpu: { readonly gl: WebGL2RenderingContext };
}

export async function openOn({ tf, metadata, program, weights }: OpenOptions): Promise<DeviceModel> {
  await tf.ready();
  const host = await openHostModule(program.host, metadata);
  const { device, entries } = openDevice(tf, metadata, program, host);
  return openModel({ tf, metadata, device, entries, initialise: host.initialise, weights });
}

export function openDevice(
  tf: Tfjs,
  metadata: Metadata,
  program: TfjsProgram,
  host: HostModule,
): { readonly device: Device; readonly entries: Readonly<Record<string, Entry<unknown>>> } {
  const name = tf.getBackend();
  switch (name) {
    case "webgpu": {
      const backend = tf.backend() as unknown as WebgpuBackend;
      const flush = (): void => {
        if (!backend.commandEncoder) return;
        backend.endComputePassEncoder?.();
        backend.submitQueue();
      };
      const device = openWebgpu(program.webgpu, metadata.symbols, backend.device, flush);
      return { device, entries: program.webgpu.entries };
    }
    case "webgl": {
      const { gl } = (tf.backend() as unknown as WebglBackend).gpgpu;
      return { device: openWebgl(program.webgl, metadata, gl), entries: program.webgl.entries };
    }
    default:
      console.info(
        `rnnc: tfjs runs on \`${name}\` here, which has no GPU: \`${metadata.name}\` runs as WebAssembly instead.`,
      );
      return { device: host.openDevice(), entries: program.webgpu.entries };
  }
}
