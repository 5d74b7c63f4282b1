/** A device in the page, told what to do from here: calls are gathered and sent along with the next read. */
import type { Page } from "playwright-core";
import { base64, fromBase64 } from "../../src/runtime/base64.ts";
import type { Device, DeviceReport } from "../../src/runtime/tfjs/device.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";

export type Backend = "webgpu" | "webgl" | "cpu" | "wasm";

/** A call of a `Device`; buffers by name, numbers as base64 of their bytes. */
export type Command =
  | { readonly kind: "reserve"; readonly sizes: Readonly<Record<string, number>> }
  | { readonly kind: "write"; readonly buffer: string; readonly bytes: string }
  | { readonly kind: "run"; readonly entry: string }
  | { readonly kind: "dispose" };

export interface RemoteDevice extends Device {
  /** Its number in the page. */
  readonly id: number;
  /** What the device in the page reports, once all calls have reached it. */
  readonly settled: () => Promise<DeviceReport>;
}

/** Writes down what a device is told. */
export function recordDevice(metadata: Metadata): Device & { readonly commands: readonly Command[] } {
  const commands: Command[] = [];
  const nameOf = new Map(Object.entries(metadata.buffers).map(([name, info]) => [info, name]));
  const none = (): never => {
    throw new Error("this device only writes down");
  };
  return {
    commands,
    reserve: (sizes) => void commands.push({ kind: "reserve", sizes }),
    write: (info, data) =>
      void commands.push({ kind: "write", buffer: nameOf.get(info)!, bytes: bytesOf(data) }),
    run: (entry) => void commands.push({ kind: "run", entry }),
    dispose: () => void commands.push({ kind: "dispose" }),
    read: none,
    report: none,
  };
}

const bytesOf = (data: ArrayBufferView): string =>
  base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

export async function remoteDevice(
  page: Page,
  backend: Backend,
  program: TfjsProgram,
  metadata: Metadata,
): Promise<RemoteDevice> {
  const id = await page.evaluate(
    (args) => globalThis.rnncTest.open(args.backend, args.program, args.metadata),
    { backend, program, metadata },
  );
  let pending: Command[] = [];
  const nameOf = new Map(Object.entries(metadata.buffers).map(([name, info]) => [info, name]));
  const send = (read: readonly string[]): Promise<{ bytes: string[]; report: DeviceReport }> => {
    const commands = pending;
    pending = [];
    return page.evaluate((args) => globalThis.rnncTest.apply(args.id, args.commands, args.read), {
      id,
      commands,
      read,
    });
  };
  return {
    id,
    reserve: (sizes) => void pending.push({ kind: "reserve", sizes }),
    write: (info, data) =>
      void pending.push({ kind: "write", buffer: nameOf.get(info)!, bytes: bytesOf(data) }),
    run: (entry) => void pending.push({ kind: "run", entry }),
    read: async (buffers) => {
      const found = await send(buffers.map((b) => nameOf.get(b)!));
      return buffers.map((b, k) => {
        const { buffer } = fromBase64(found.bytes[k]!);
        return b.dtype === "f32" ? new Float32Array(buffer) : new Int32Array(buffer);
      });
    },
    report: () => {
      throw new Error("only `settled` knows");
    },
    settled: async () => (await send([])).report,
    dispose: () => void pending.push({ kind: "dispose" }),
  };
}
