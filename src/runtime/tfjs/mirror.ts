/**
 * The host's copy of what goes into a device and comes out of it: a machine's host. The machine reads and writes the copy;
 * before an entry runs, what it takes from the caller goes to the device, and what the caller wants comes back by
 * `download`. Weights, moments and states stay on the device, and go there only when the host has changed them.
 */
import { fail } from "../errors.ts";
import { type Numbers, type Sizes, span } from "../layout.ts";
import type { Host } from "../machine.ts";
import type { BufferInfo, Metadata } from "../metadata.ts";
import type { Device } from "./device.ts";
import type { Entry } from "./program.ts";

export interface Mirror {
  readonly host: Host;
  /** These buffers of the host are newer than the device's. */
  readonly changed: (names: readonly string[]) => void;
  /** Brings a buffer to the device, if the host has changed it. */
  readonly upload: (name: string) => void;
  /** Brings buffers as they are now on the device to the host. */
  readonly download: (names: readonly string[]) => Promise<void>;
}

export interface MirrorOptions {
  readonly metadata: Metadata;
  readonly device: Device;
  readonly entries: Readonly<Record<string, Entry<unknown>>>;
  /** Draws the first weights into `parameters`, from `counters`. */
  readonly initialise: (parameters: Float32Array, counters: Int32Array) => void;
}

export function openMirror({ metadata, device, entries, initialise }: MirrorOptions): Mirror {
  const buffers = Object.entries(metadata.buffers);
  let floats = new Float32Array(0);
  let integers = new Int32Array(floats.buffer);
  let sizes: Sizes = {};
  let bases = new Map<number, number>();
  const newer = new Set<string>();

  const find = (name: string): BufferInfo =>
    metadata.buffers[name] ?? fail(`the model has no buffer \`${name}\``);
  const at = ({ slot, offset }: BufferInfo): number => bases.get(slot)! + offset;
  const isConstant = ({ dims }: BufferInfo): boolean => dims.every((dim) => dim.symbol === null);

  /** Where slots lie in the copy: those of constant size first, so that they stay. */
  const layOut = (next: Sizes): number => {
    const lengths = new Map<number, number>();
    const ordered = [...buffers].sort(([, a], [, b]) => Number(isConstant(b)) - Number(isConstant(a)));
    for (const [, b] of ordered)
      lengths.set(b.slot, Math.max(lengths.get(b.slot) ?? 0, b.offset + span(b, next)));
    bases = new Map();
    let total = 0;
    for (const [slot, length] of lengths) {
      bases.set(slot, total);
      total += length;
    }
    return total;
  };

  const viewOf = (buffer: BufferInfo): Numbers => {
    const all = buffer.dtype === "f32" ? floats : integers;
    return all.subarray(at(buffer), at(buffer) + span(buffer, sizes));
  };

  const view = (name: string): Numbers => viewOf(find(name));
  const upload = (name: string): void => device.write(find(name), view(name));

  const host: Host = {
    reserve: (next, leftOut) => {
      // A device has laid out all of it before.
      if (leftOut < 3) return;
      device.reserve(next);
      sizes = next;
      const total = layOut(next);
      if (total <= floats.length) return;
      const larger = new Float32Array(total);
      larger.set(floats);
      floats = larger;
      integers = new Int32Array(floats.buffer);
    },
    base: (slot) => bases.get(slot)!,
    floats: () => floats,
    integers: () => integers,
    run: (purpose) => {
      if (purpose === "initialise") {
        const names = buffers.map(([name]) => name).filter((name) => name.startsWith("moment."));
        for (const name of names) view(name).fill(0);
        initialise(view("parameters") as Float32Array, view("counters") as Int32Array);
        for (const name of [...names, "parameters", "counters"]) newer.add(name);
        return;
      }
      const entry = entries[metadata.entries[purpose]!]!;
      for (const name of new Set([...entry.inputs, ...newer])) upload(name);
      newer.clear();
      device.run(metadata.entries[purpose]!);
    },
  };

  return {
    host,
    upload: (name) => {
      if (newer.delete(name)) upload(name);
    },
    changed: (names) => names.forEach((name) => newer.add(name)),
    download: async (names) => {
      const wanted = names.filter((name) => !newer.has(name)).map(find);
      const found = await device.read(wanted);
      wanted.forEach((buffer, k) => viewOf(buffer).set(found[k]!));
    },
  };
}
