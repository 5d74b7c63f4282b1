/** A machine whose memory is that of a device in the page. */
import type { Compilation } from "../../src/compile/types.ts";
import { type Machine, openMachine } from "../../src/runtime/machine.ts";
import { type Mirror, openMirror } from "../../src/runtime/tfjs/mirror.ts";
import type { Tab } from "./browser.ts";
import { type Backend, type RemoteDevice, remoteDevice } from "./remote-device.ts";

export interface DeviceMachine {
  readonly machine: Machine;
  readonly mirror: Mirror;
  readonly device: RemoteDevice;
}

export async function onDevice(
  tab: Tab,
  backend: Backend,
  { metadata, tfjs }: Pick<Compilation, "metadata" | "tfjs">,
): Promise<DeviceMachine> {
  const device = await remoteDevice(tab.page, backend, tfjs!, metadata!);
  const { entries } = tfjs![backend === "webgl" ? "webgl" : "webgpu"];
  const initialise = (): never => {
    throw new Error("the tests write weights themselves");
  };
  const mirror = openMirror({ metadata: metadata!, device, entries, initialise });
  return { machine: openMachine(metadata!, mirror.host), mirror, device };
}

/** What stays on a device from call to call. */
export const persistent = ({ metadata }: Machine): string[] => [
  "parameters",
  "counters",
  ...metadata.states,
  ...Object.keys(metadata.buffers).filter((name) => name.startsWith("moment.")),
];
