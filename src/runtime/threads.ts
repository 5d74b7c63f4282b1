/**
 * A module that was built for threads: the first instance, which calls its entries, and workers that wait for a call in
 * instances of their own over the same memory. Where memory cannot be shared (a page that is not cross-origin
 * isolated), or no worker starts, one thread does it all, and the bits are the same.
 */
import { fail } from "./errors.ts";
import type { Host } from "./machine.ts";
import type { Metadata } from "./metadata.ts";
import { compiled, instanceOf, largestMemory, startModule } from "./module.ts";

/** What a worker runs, in Node and elsewhere: `work` returns when the thread is ended. */
const work = `const work = ({ module, memory, id }, say) =>
  WebAssembly.instantiate(module, { env: { memory } }).then(
    ({ exports }) => (say(true), exports.work(id)),
    () => say(false));`;
const nodeWorker = `${work}
const { workerData, parentPort } = require("node:worker_threads");
work(workerData, (ready) => parentPort.postMessage(ready));`;
const webWorker = `${work}
onmessage = ({ data }) => work(data, (ready) => postMessage(ready));`;

/** More than that are seldom worth their waiting. */
const mostByDefault = 4;

interface Team {
  readonly end: () => void;
}

interface Seat {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly id: number;
}

/**
 * `wanted`: how many threads, the caller's among them. Default: as many as the machine has cores, at most 4; one for a
 * module that was not built for more.
 */
export async function startThreads(
  metadata: Metadata,
  wasm: BufferSource | WebAssembly.Module,
  wanted?: number,
): Promise<Host> {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1))
    fail(`\`threads\` is a whole number from 1 on, not ${String(wanted)}`);
  if (!metadata.threads) {
    if ((wanted ?? 1) > 1) fail("this module runs on one thread: build it with `--threads` for several");
    return startModule(metadata, wasm);
  }
  const count = wanted ?? Math.min(mostByDefault, await cores());
  const bytes = wasm instanceof WebAssembly.Module ? null : wasm;
  if (bytes && (count === 1 || !canShare())) return alone(metadata, bytes);
  const memory = sharedMemory() ?? fail("this engine cannot share memory between threads");
  const module = wasm instanceof WebAssembly.Module ? wasm : await compiled(wasm);
  const { host, exports } = await instanceOf(metadata, module, memory);
  const team = await gather(count - 1, { module, memory });
  (exports["enlist"] as (threads: number, sleeps: number) => void)(1 + team.length, Number(maySleep()));
  return { ...host, threads: 1 + team.length, dispose: () => team.forEach(({ end }) => end()) };
}

/** The same module over memory of its own: in its import of the memory one bit says that it is shared. */
async function alone(metadata: Metadata, wasm: BufferSource): Promise<Host> {
  const view = ArrayBuffer.isView(wasm)
    ? new Uint8Array(wasm.buffer, wasm.byteOffset, wasm.byteLength)
    : new Uint8Array(wasm);
  const own = view.slice();
  const name = new TextEncoder().encode("\x03env\x06memory\x02");
  const at = own.findIndex((_, i) => name.every((byte, k) => own[i + k] === byte)) + name.length;
  own[at] = own[at]! & ~2;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: largestMemory });
  return (await instanceOf(metadata, await compiled(own), memory)).host;
}

const canShare = (): boolean =>
  typeof SharedArrayBuffer === "function" &&
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;

function sharedMemory(): WebAssembly.Memory | null {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: largestMemory, shared: true });
  } catch {
    return null;
  }
}

// ---- workers ------------------------------------------------------------------------------------------------

/** The workers that have started; the identities of a team have no gaps, so none beyond the first that has not. */
async function gather(count: number, seat: Omit<Seat, "id">): Promise<readonly Team[]> {
  const started = await Promise.all(
    Array.from({ length: count }, (_, k) => startWorker({ ...seat, id: k + 1 }).catch(() => null)),
  );
  const gap = started.indexOf(null);
  if (gap < 0) return started as Team[];
  started.slice(gap).forEach((worker) => worker?.end());
  return started.slice(0, gap) as Team[];
}

const isNode = (): boolean =>
  typeof (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node === "string";

async function startWorker(seat: Seat): Promise<Team> {
  if (isNode()) {
    const { Worker } = await nodeModule<NodeWorkers>("worker_threads");
    // Options of the process, such as `--input-type`, may change what the text is taken for.
    const worker = new Worker(nodeWorker, { eval: true, workerData: seat, execArgv: [] });
    await new Promise<void>((resolve, reject) => {
      worker.once("message", (ready) => (ready ? resolve() : reject(new Error())));
      worker.once("error", reject);
    });
    // It waits for calls: that keeps nobody from ending.
    worker.unref();
    return { end: () => void worker.terminate() };
  }
  const address = URL.createObjectURL(new Blob([webWorker], { type: "text/javascript" }));
  try {
    const worker = new Worker(address);
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = ({ data }) => (data ? resolve() : reject(new Error()));
      worker.onerror = reject;
      worker.postMessage(seat);
    });
    return { end: () => worker.terminate() };
  } finally {
    URL.revokeObjectURL(address);
  }
}

interface NodeWorkers {
  readonly Worker: new (
    code: string,
    options: { readonly eval: boolean; readonly workerData: unknown; readonly execArgv: readonly string[] },
  ) => {
    once: (event: string, listener: (value: unknown) => void) => void;
    unref: () => void;
    terminate: () => Promise<number>;
  };
}

/** Not a literal, so that bundlers for browsers leave it alone. */
const nodeModule = async <T>(name: string): Promise<T> =>
  (await import(/* @vite-ignore */ /* webpackIgnore: true */ `node:${name}`)) as T;

async function cores(): Promise<number> {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  if (navigator?.hardwareConcurrency) return navigator.hardwareConcurrency;
  return isNode()
    ? (await nodeModule<{ availableParallelism: () => number }>("os")).availableParallelism()
    : 1;
}

/** A page's own thread may not. */
const maySleep = (): boolean =>
  isNode() || typeof (globalThis as { document?: unknown }).document === "undefined";
