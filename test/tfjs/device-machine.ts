/** A machine whose memory is that of a device in the page. */
import type { Compilation } from "../../src/compile/types.ts";
import { type Machine, openMachine } from "../../src/runtime/machine.ts";
import type { Device } from "../../src/runtime/tfjs/device.ts";
import { type Mirror, openMirror } from "../../src/runtime/tfjs/mirror.ts";
import type { Tab } from "./browser.ts";
import { type Backend, type RemoteDevice, remoteDevice } from "./remote-device.ts";

export interface DeviceMachine<D extends Device = RemoteDevice> {
  readonly machine: Machine;
  readonly mirror: Mirror;
  readonly device: D;
}

type Compiled = Pick<Compilation, "metadata" | "tfjs">;

export const onDevice = async (tab: Tab, backend: Backend, compiled: Compiled): Promise<DeviceMachine> =>
  machineOf(compiled, backend, await remoteDevice(tab.page, backend, compiled.tfjs!, compiled.metadata!));

export function machineOf<D extends Device>(
  { metadata, tfjs }: Compiled,
  backend: Backend,
  device: D,
): DeviceMachine<D> {
  const { entries } = tfjs![backend === "webgl" ? "webgl" : "webgpu"];
  const initialise = (): never => {
    throw new Error("the tests write weights themselves");
  };
  const mirror = openMirror({ metadata: metadata!, device, entries, initialise });
  return { machine: openMachine(metadata!, mirror.host), mirror, device };
}

/** What stays on a device from call to call. */
export const persistent = ({ metadata }: Machine): string[] =>
  [
    "parameters",
    "counters",
    ...metadata.states,
    ...Object.keys(metadata.buffers).filter((name) => name.startsWith("moment.")),
  ].filter((name) => metadata.buffers[name]);
