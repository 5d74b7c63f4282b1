/**
 * What a GPU does for the runtime: memory for the sizes of a call, entries to run, buffers in and out. `reserve` keeps
 * what has a constant size and loses the rest; runs and writes take effect in the order of the calls; only `read` waits.
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { BufferInfo } from "../metadata.ts";
import type { Numbers, Sizes } from "../layout.ts";

export interface Device {
  readonly reserve: (sizes: Sizes) => void;
  /** All elements of the buffer, padding included. */
  readonly write: (buffer: BufferInfo, data: Numbers) => void;
  readonly run: (entry: string) => void;
  /** The elements of buffers as they are at the time of the call, padding included. */
  readonly read: (buffers: readonly BufferInfo[]) => Promise<readonly Numbers[]>;
  readonly report: () => DeviceReport;
  readonly dispose: () => void;
}

/** A device between whose memory and tensors of tfjs nothing passes through the host. */
export interface TensorDevice extends Device {
  /** Fills a buffer from a tensor of its elements in a row, padding included. */
  readonly take: (buffer: BufferInfo, elements: Tensor) => void;
  /** All elements of a buffer in a row, padding included, as a new tensor. */
  readonly give: (buffer: BufferInfo) => Tensor;
}

export interface DeviceReport {
  /** Of the device's memory, all together. */
  readonly bytes: number;
  /** Buffers or textures. */
  readonly buffers: number;
  /** Dispatches or draws, and copies on the device, since the model was loaded. */
  readonly runs: number;
  readonly copies: number;
  /** Submissions to the queue. */
  readonly submits: number;
}
