/**
 * Runs a program on the WebGPU device of tfjs. All memory is one buffer, which grows when a call needs more; an entry is
 * one compute pass of one submission, whatever the number of steps, with the variables of its loops at dynamic offsets
 * of a uniform buffer that is filled once.
 */
import { fail } from "../errors.ts";
import { extent, type Numbers, type Sizes, span } from "../layout.ts";
import type { BufferInfo } from "../metadata.ts";
import type { TensorDevice } from "./device.ts";
import type { Tfjs } from "./open.ts";
import { type Dispatch, slotAlignment, type WebgpuProgram } from "./program.ts";
import { eachRun } from "./walk-steps.ts";

/** As the specification numbers them: not every place that has a device has the globals. */
const usage = { mapRead: 1, copyFrom: 4, copyTo: 8, uniform: 64, storage: 128 } as const;
const computeStage = 4;
const mapForReading = 1;
/** Bits of infinity in float32. */
const infinityBits = 0x7f800000;
/** What devices align dynamic offsets to, in bytes. */
const stepStride = 256;
/** What a dispatch may have along one dimension. */
const widest = 65535;

interface Layout {
  readonly sizes: Sizes;
  readonly bases: readonly number[];
  /** Elements in all. */
  readonly total: number;
}

interface Memory {
  readonly words: GPUBuffer;
  readonly group: GPUBindGroup;
  readonly steps: GPUBuffer;
}

/** What of tfjs's WebGPU backend is used here. */
interface WebgpuBackend {
  readonly device: GPUDevice;
  readonly commandEncoder: unknown;
  readonly submitQueue: () => void;
  readonly endComputePassEncoder?: () => void;
  readonly uploadToGPU: (dataId: object) => void;
}

export function openWebgpu(program: WebgpuProgram, symbols: readonly string[], tf: Tfjs): TensorDevice {
  const backend = tf.backend() as unknown as WebgpuBackend;
  const { device } = backend;
  /** Submits what tfjs has not submitted yet, so that the order of calls is that of the device. */
  const flush = (): void => {
    if (!backend.commandEncoder) return;
    backend.endComputePassEncoder?.();
    backend.submitQueue();
  };
  const counts = { runs: 0, copies: 0, submits: 0 };
  const visible = computeStage;
  const groupLayout = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: visible, buffer: { type: "storage" } },
      { binding: 1, visibility: visible, buffer: { type: "uniform" } },
      { binding: 2, visibility: visible, buffer: { type: "uniform", hasDynamicOffset: true } },
    ],
  });
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [groupLayout] });
  const pipelines: (GPUComputePipeline | undefined)[] = [];
  const varying = program.slots.flatMap((size, k) => (size.every((t) => t.symbols.length === 0) ? [] : [k]));
  const words = 1 + symbols.length + varying.length;
  const uniform = device.createBuffer({
    size: Math.ceil(words / 4) * 16,
    usage: usage.uniform | usage.copyTo,
  });
  let layout: Layout | null = null;
  let memory: Memory | null = null;
  /** Variables of loops, by their text, and their places in the buffer of steps. */
  const places = new Map<string, number>();
  let lost: string | null = null;
  let disposed = false;
  /** What was wrong with a shader, once the device has said so. */
  let fault: string | null = null;
  void device.lost.then(({ message }) => (lost = message || "no reason was given"));

  const check = (): void => {
    if (disposed) fail("the model has been disposed of");
    if (lost !== null)
      fail(`the WebGPU device was lost (${lost}): load the model again, with the weights saved last`);
  };

  const pipeline = (shader: number): GPUComputePipeline => {
    const known = pipelines[shader];
    if (known) return known;
    const { name, code } = program.shaders[shader]!;
    device.pushErrorScope("validation");
    const made = device.createComputePipeline({
      label: name,
      layout: pipelineLayout,
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
    void device.popErrorScope().then((error) => {
      if (error) fault ??= `this device refuses the shader of \`${name}\`: ${error.message}`;
    });
    return (pipelines[shader] = made);
  };

  const bind = (words: GPUBuffer, steps: GPUBuffer): Memory => ({
    words,
    steps,
    group: device.createBindGroup({
      layout: groupLayout,
      entries: [
        { binding: 0, resource: { buffer: words } },
        { binding: 1, resource: { buffer: uniform } },
        { binding: 2, resource: { buffer: steps, size: 16 } },
      ],
    }),
  });

  const makeSteps = (count: number): GPUBuffer =>
    device.createBuffer({
      size: count * stepStride,
      usage: usage.uniform | usage.copyTo,
    });

  const needed = (): Memory => memory ?? fail("memory has not been reserved");

  /** Makes room for the steps of an entry before it is encoded. */
  const prepareSteps = (used: readonly (readonly number[])[]): void => {
    const before = places.size;
    for (const time of used) if (!places.has(String(time))) places.set(String(time), places.size);
    if (places.size === before && before > 0) return;
    const held = needed();
    const room = held.steps.size / stepStride;
    if (places.size > room) {
      held.steps.destroy();
      memory = bind(held.words, makeSteps(Math.max(places.size, 2 * room)));
    }
    const table = new Int32Array((places.size * stepStride) / 4);
    for (const [text, place] of places)
      table.set(text === "" ? [] : text.split(",").map(Number), (place * stepStride) / 4);
    device.queue.writeBuffer(needed().steps, 0, table);
  };

  const at = ({ slot, offset }: BufferInfo): number => 4 * (layout!.bases[slot]! + offset);

  const copy = (from: GPUBuffer, fromAt: number, to: GPUBuffer, toAt: number, bytes: number): void => {
    flush();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, fromAt, to, toAt, bytes);
    device.queue.submit([encoder.finish()]);
    counts.submits++;
    counts.copies++;
  };

  return {
    reserve: (sizes) => {
      check();
      const next = layOut(program, sizes);
      const bytes = 4 * next.total;
      const { maxStorageBufferBindingSize: limit } = device.limits;
      if (bytes > limit)
        fail(
          `there is no memory for ${symbols.map((s) => `${s} = ${sizes[s]}`).join(", ")}: it takes ${bytes} bytes, ` +
            `the device binds ${limit}; a smaller batch needs less`,
        );
      if (!memory || memory.words.size < bytes) grow(bytes);
      layout = next;
      const values = [
        infinityBits,
        ...symbols.map((s) => sizes[s] ?? 1),
        ...varying.map((k) => next.bases[k]!),
      ];
      device.queue.writeBuffer(uniform, 0, Int32Array.from(values));
    },
    write: (buffer, data) => {
      check();
      device.queue.writeBuffer(needed().words, at(buffer), data as Numbers & ArrayBufferView<ArrayBuffer>);
    },
    run: (name) => {
      check();
      const runs: { readonly run: Dispatch; readonly time: readonly number[] }[] = [];
      eachRun(program.entries[name]!.steps, layout!.sizes, (run, time) => runs.push({ run, time }));
      prepareSteps(runs.map((r) => r.time));
      flush();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const { run, time } of runs) {
        const points = run.points.reduce((n, e) => n * extent(e, layout!.sizes), 1);
        const groups = Math.ceil(points / run.each);
        if (groups === 0) continue;
        const rows = Math.ceil(groups / widest);
        pass.setPipeline(pipeline(run.shader));
        pass.setBindGroup(0, needed().group, [places.get(String(time))! * stepStride]);
        pass.dispatchWorkgroups(Math.ceil(groups / rows), rows);
        counts.runs++;
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
      counts.submits++;
    },
    read: async (buffers) => {
      check();
      const sizes = buffers.map((b) => 4 * span(b, layout!.sizes));
      const total = sizes.reduce((a, b) => a + b, 0);
      const staging = device.createBuffer({
        size: total,
        usage: usage.mapRead | usage.copyTo,
      });
      flush();
      const encoder = device.createCommandEncoder();
      let to = 0;
      buffers.forEach((b, k) => {
        encoder.copyBufferToBuffer(needed().words, at(b), staging, to, sizes[k]!);
        to += sizes[k]!;
      });
      device.queue.submit([encoder.finish()]);
      counts.submits++;
      counts.copies += buffers.length;
      try {
        await staging.mapAsync(mapForReading);
      } catch (error) {
        check();
        throw error;
      }
      if (fault !== null) fail(fault);
      const bytes = staging.getMappedRange().slice(0);
      staging.destroy();
      to = 0;
      return buffers.map((b, k) => {
        const from = to;
        to += sizes[k]!;
        return b.dtype === "f32"
          ? new Float32Array(bytes, from, sizes[k]! / 4)
          : new Int32Array(bytes, from, sizes[k]! / 4);
      });
    },
    take: (buffer, elements) => {
      check();
      backend.uploadToGPU(elements.dataId);
      const { tensorRef, buffer: from } = elements.dataToGPU();
      copy(from!, 0, needed().words, at(buffer), 4 * span(buffer, layout!.sizes));
      tensorRef.dispose();
    },
    give: (buffer) => {
      check();
      const elements = span(buffer, layout!.sizes);
      const whole = device.createBuffer({
        size: 4 * elements,
        usage: usage.storage | usage.copyFrom | usage.copyTo,
      });
      copy(needed().words, at(buffer), whole, 0, 4 * elements);
      const dtype = buffer.dtype === "f32" ? "float32" : "int32";
      const made = tf.tensor({ buffer: whole }, [elements], dtype);
      // The tensor has a buffer of its own.
      whole.destroy();
      return made;
    },
    report: () => ({
      bytes: uniform.size + (memory ? memory.words.size + memory.steps.size : 0),
      buffers: memory ? 3 : 1,
      ...counts,
    }),
    dispose: () => {
      if (disposed) return;
      disposed = true;
      memory?.words.destroy();
      memory?.steps.destroy();
      uniform.destroy();
    },
  };

  /** A larger buffer, with what lies at constant places as it was. */
  function grow(bytes: number): void {
    const words = device.createBuffer({
      size: bytes,
      usage: usage.storage | usage.copyFrom | usage.copyTo,
    });
    if (memory) {
      const kept = 4 * (varying.length > 0 ? layout!.bases[varying[0]!]! : layout!.total);
      if (kept > 0) {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(memory.words, 0, words, 0, kept);
        device.queue.submit([encoder.finish()]);
      }
      memory.words.destroy();
    }
    memory = bind(words, memory?.steps ?? makeSteps(64));
  }
}

function layOut(program: WebgpuProgram, sizes: Sizes): Layout {
  let total = 0;
  const bases = program.slots.map((size) => {
    const base = total;
    const elements = size.reduce(
      (sum, t) => sum + t.symbols.reduce((n, s) => n * (sizes[s] ?? 1), t.factor),
      0,
    );
    total += Math.ceil(elements / slotAlignment) * slotAlignment;
    return base;
  });
  return { sizes, bases, total: Math.max(total, slotAlignment) };
}
