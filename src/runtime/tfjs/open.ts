/**
 * A model on whatever backend tfjs has at the moment. `tf` is the app's own tfjs, so its device, its context and its
 * memory are shared with everything else that the app does in it.
 */
import type * as tfjs from "@tensorflow/tfjs-core";
import type { Choices } from "./choices.ts";
import type { Metadata } from "../metadata.ts";
import type { TensorDevice } from "./device.ts";
import { type HostModule, openHostModule } from "./host-module.ts";
import { openFunction } from "./function.ts";
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
  /** Null for a model that makes none. */
  readonly choices?: Choices | null;
}

export async function openOn({
  tf,
  metadata,
  program,
  weights,
  choices = null,
}: OpenOptions): Promise<DeviceModel> {
  await tf.ready();
  const host = await openHostModule(program.host, metadata);
  const name = tf.getBackend();
  if (name !== "webgpu" && name !== "webgl")
    console.info(
      `rnnc: tfjs runs on \`${name}\` here, which has no GPU: \`${metadata.name}\` runs as WebAssembly instead.`,
    );
  const open = (): OpenedDevice => openDevice(tf, metadata, program, host);
  return openModel({
    tf,
    metadata,
    ...open(),
    initialise: host.initialise,
    openFunction: (ownParameters) =>
      openFunction({ tf, metadata, ...open(), hash: program.hash, ownParameters }),
    choices,
    hostParts: { metadata, module: host.module, places: program.host.places },
    weights,
  });
}

export interface OpenedDevice {
  readonly device: TensorDevice;
  readonly entries: Readonly<Record<string, Entry<unknown>>>;
}

export function openDevice(
  tf: Tfjs,
  metadata: Metadata,
  program: TfjsProgram,
  host: HostModule,
): OpenedDevice {
  switch (tf.getBackend()) {
    case "webgpu":
      return {
        device: openWebgpu(program.webgpu, metadata.symbols, tf),
        entries: program.webgpu.entries,
      };
    case "webgl":
      return { device: openWebgl(program.webgl, metadata, tf), entries: program.webgl.entries };
    default:
      return { device: host.openDevice(tf), entries: program.webgpu.entries };
  }
}
