/**
 * The memory of a model's module, where buffers lie in it for the sizes of the call, and whose states are in it. The memory
 * is a `Host`'s: the WASM module's own, or the copy that the host of a GPU keeps of what goes in and out.
 *
 * `reserve` lays memory out anew, so buffers whose size depends on the batch may move. Who keeps something in them
 * from call to call, a stream or a training on chunks, is a tenant: before another one's call, or one of other sizes,
 * its states are taken out, and put back when it comes again. So streams, predictions and training on one model
 * never disturb each other.
 */
import { fail } from "./errors.ts";
import {
  batchDim,
  dimsOf,
  extent,
  gather,
  type Numbers,
  scatter,
  type Sizes,
  span,
  strides,
} from "./layout.ts";
import type { BufferInfo, Metadata } from "./metadata.ts";
import { startModule } from "./module.ts";
import { elements, type Tensor } from "./safetensors.ts";

/** Carried states by the names of their buffers, dense, the batch first. */
export type States = Readonly<Record<string, Tensor>>;

export interface Tenant {
  /** Its states while they are not in memory; null where there are none: it starts anew. */
  kept: States | null;
  /** How many examples have states; 0 before the first call. */
  examples: number;
  /** The buffers of its states; null: those of the metadata. */
  readonly buffers: readonly string[] | null;
}

export const newTenant = (buffers: readonly string[] | null = null): Tenant => ({
  kept: null,
  examples: 0,
  buffers,
});

/** Where a machine's memory is and what runs over it. */
export interface Host {
  /**
   * Lays the slots out for these sizes: what lasts beyond a run, and what uses need besides that are not left out (1 training,
   * 2 inference). What has a constant size keeps its place and content; so does what lasts where the sizes stay the same.
   */
  readonly reserve: (sizes: Sizes, leftOut: number) => void;
  /** The place of a slot's first element. */
  readonly base: (slot: number) => number;
  /** The memory as it is now; memory that has grown leaves older views empty. */
  readonly floats: () => Float32Array;
  readonly integers: () => Int32Array;
  readonly run: (entry: Purpose) => void;
  /** How many threads run it, if there is a choice, and what ends those of its own. */
  readonly threads?: number;
  readonly dispose?: () => void;
}

export type Purpose = keyof Metadata["entries"];

export interface Machine {
  readonly metadata: Metadata;
  readonly floats: () => Float32Array;
  readonly integers: () => Int32Array;
  readonly view: (buffer: BufferInfo) => Numbers;
  readonly sizes: () => Sizes;
  readonly buffer: (name: string) => BufferInfo | undefined;
  /** The place in the views of a buffer's first element. */
  readonly at: (buffer: BufferInfo) => number;
  /** What a buffer of constant size holds, in place; nothing where there is no such buffer. */
  readonly constant: (name: string) => Numbers;
  /** Memory laid out for these sizes, with this tenant's states in it. True if anything moved or changed hands. */
  readonly claim: (tenant: Tenant, sizes: Sizes) => boolean;
  /** Whether a claim would take somebody's states out; `fresh`: this tenant's own are not wanted any more. */
  readonly evicts: (tenant: Tenant, sizes: Sizes, fresh: boolean) => boolean;
  /** A tenant's states, wherever they are. */
  readonly states: (tenant: Tenant) => States | null;
  /** Gives a tenant other states. */
  readonly assign: (tenant: Tenant, states: States | null) => void;
  /** Writes 1 (start anew) or 0 to the flags of all examples. */
  readonly setFresh: (fresh: boolean) => void;
  readonly run: (entry: Purpose) => void;
}

/** A machine over the memory of a WASM module. */
export async function startMachine(
  metadata: Metadata,
  wasm: BufferSource | WebAssembly.Module,
): Promise<Machine> {
  return openMachine(metadata, await startModule(metadata, wasm));
}

export function openMachine(metadata: Metadata, host: Host): Machine {
  let sizes: Sizes = {};
  let bases = new Map<number, number>();
  let current: Tenant | null = null;
  let leftOut = 3;

  const lay = (next: Sizes): void => {
    host.reserve(next, (leftOut = 3));
    sizes = next;
    bases = new Map();
    clearBuffers(machine);
  };

  const sameSizes = (next: Sizes): boolean => {
    for (const symbol of metadata.symbols) if (sizes[symbol] !== next[symbol]) return false;
    return sizes !== nothing;
  };

  const nothing = sizes;
  const holds = (tenant: Tenant, next: Sizes): boolean => tenant === current && sameSizes(next);
  const machine: Machine = {
    metadata,
    floats: host.floats,
    integers: host.integers,
    view: ({ dtype }) => (dtype === "f32" ? host.floats() : host.integers()),
    sizes: () => sizes,
    buffer: (name) => metadata.buffers[name],
    at: ({ slot, offset }) => {
      let base = bases.get(slot);
      if (base === undefined) bases.set(slot, (base = host.base(slot)));
      return base + offset;
    },
    constant: (name) => {
      const buffer = machine.buffer(name);
      if (!buffer) return new Float32Array();
      const at = machine.at(buffer);
      return machine.view(buffer).subarray(at, at + (buffer.dims[0]?.plus ?? 1));
    },
    evicts: (tenant, next, fresh) =>
      current !== null &&
      current.examples > 0 &&
      current.kept === null &&
      !holds(tenant, next) &&
      !(fresh && tenant === current),
    claim: (tenant, next) => {
      if (holds(tenant, next)) return false;
      if (current && current.examples > 0 && current.kept === null)
        current.kept = readStates(machine, current);
      if (!sameSizes(next)) lay(next);
      current = tenant;
      if (tenant.kept && tenant.examples === next["B"]) writeStates(machine, tenant, tenant.kept);
      tenant.kept = null;
      return true;
    },
    states: (tenant) =>
      tenant.kept ?? (tenant === current && tenant.examples > 0 ? readStates(machine, tenant) : null),
    assign: (tenant, states) => {
      tenant.kept = states;
      tenant.examples = states ? (Object.values(states)[0]?.shape[0] ?? 0) : 0;
      if (tenant === current) current = null;
    },
    setFresh: (fresh) => {
      const buffer = metadata.buffers["fresh"];
      if (buffer)
        machine.integers().fill(fresh ? 1 : 0, machine.at(buffer), machine.at(buffer) + sizes["B"]!);
    },
    run: (purpose) => {
      if (!metadata.entries[purpose]) fail(noEntry[purpose] ?? noLoss);
      const use = useOf(purpose, metadata);
      if (leftOut & use) host.reserve(sizes, (leftOut &= ~use));
      host.run(purpose);
    },
  };
  lay(Object.fromEntries(metadata.symbols.map((symbol) => [symbol, 1])));
  return machine;
}

/** Training 1, inference 2. Losses of a model that goes in segments are computed as in training. */
const useOf = (purpose: Purpose, { segmented }: Metadata): number =>
  /^grad|^upd/.test(purpose) || (segmented && purpose === "evaluate") ? 1 : 2;

/** Why an entry is not there; those of choices are never asked for where they are not. */
const noEntry: Readonly<Partial<Record<string, string>>> = {
  predict: "the model has no output: name one with `output`",
  step: "the model cannot run one step at a time",
};
const noLoss = "the model has no loss: give it an output layer or `minimize` to train it";

/**
 * Rows of inputs and states end elsewhere than before, and the padding after them has to be zero. What the module
 * computes for itself it writes with its padding.
 */
function clearBuffers(machine: Machine): void {
  for (const buffer of Object.values(machine.metadata.buffers)) {
    if (buffer.dims.every((dim) => dim.symbol === null)) continue;
    const at = machine.at(buffer);
    machine.view(buffer).fill(0, at, at + span(buffer, machine.sizes()));
  }
}

/** The dims of a state, the batch first, and its strides in that order. */
export function stateLayout(
  buffer: BufferInfo,
  sizes: Sizes,
): { readonly shape: number[]; readonly steps: number[] } {
  const dims = [batchDim(buffer), ...dimsOf(buffer, [])];
  const steps = strides(buffer, sizes);
  return {
    shape: dims.map((dim) => extent(buffer.dims[dim]!, sizes)),
    steps: dims.map((dim) => steps[dim]!),
  };
}

function readStates(machine: Machine, { buffers }: Tenant): States {
  return Object.fromEntries(
    (buffers ?? machine.metadata.states).map((name) => {
      const buffer = machine.buffer(name)!;
      const { shape, steps } = stateLayout(buffer, machine.sizes());
      const data =
        buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
      gather(machine.view(buffer), machine.at(buffer), steps, shape, data);
      return [name, { data, shape }];
    }),
  );
}

function writeStates(machine: Machine, { buffers }: Tenant, states: States): void {
  for (const name of buffers ?? machine.metadata.states) {
    const buffer = machine.buffer(name)!;
    const { shape, steps } = stateLayout(buffer, machine.sizes());
    const state = states[name];
    if (!state || state.data.length !== elements(shape) || state.shape[0] !== shape[0])
      fail(`these states are of another model, or of another batch: \`${name}\` differs`);
    const at = machine.at(buffer);
    const view = machine.view(buffer);
    // Padding lanes are zero by contract.
    view.fill(0, at, at + span(buffer, machine.sizes()));
    scatter(view, at, steps, shape, state.data);
  }
}
