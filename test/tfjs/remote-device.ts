/** A device in the page, told what to do from here: calls are gathered and sent along with the next read. */
import type { Page } from "playwright-core";
import type { Device, DeviceReport } from "../../src/runtime/tfjs/device.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";

export type Backend = "webgpu" | "webgl";

/** A call of a `Device`; buffers by name, numbers as plain lists of 32-bit words. */
export type Command =
  | { readonly kind: "reserve"; readonly sizes: Readonly<Record<string, number>> }
  | { readonly kind: "write"; readonly buffer: string; readonly words: readonly number[] }
  | { readonly kind: "run"; readonly entry: string }
  | { readonly kind: "dispose" };

export interface RemoteDevice extends Device {
  /** What the device in the page reports, once all calls have reached it. */
  readonly settled: () => Promise<DeviceReport>;
}

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
  const send = (read: readonly string[]): Promise<{ words: number[][]; report: DeviceReport }> => {
    const commands = pending;
    pending = [];
    return page.evaluate((args) => globalThis.rnncTest.apply(args.id, args.commands, args.read), {
      id,
      commands,
      read,
    });
  };
  const words = (data: ArrayBufferView): number[] =>
    Array.from(new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4));
  return {
    reserve: (sizes) => void pending.push({ kind: "reserve", sizes }),
    write: (info, data) =>
      void pending.push({ kind: "write", buffer: nameOf.get(info)!, words: words(data) }),
    run: (entry) => void pending.push({ kind: "run", entry }),
    read: async (buffers) => {
      const found = await send(buffers.map((b) => nameOf.get(b)!));
      return buffers.map((b, k) => {
        const integers = Int32Array.from(found.words[k]!);
        return b.dtype === "f32" ? new Float32Array(integers.buffer) : integers;
      });
    },
    report: () => {
      throw new Error("only `settled` knows");
    },
    settled: async () => (await send([])).report,
    dispose: () => void pending.push({ kind: "dispose" }),
  };
}
