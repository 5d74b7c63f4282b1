/**
 * One instance of the module: its memory, where buffers lie for the sizes of the call, and whose states are in it.
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
import { elements, type Tensor } from "./safetensors.ts";

/** Carried states by the names of their buffers, dense, the batch first. */
export type States = Readonly<Record<string, Tensor>>;

export interface Tenant {
  /** Its states while they are not in memory; null where there are none: it starts anew. */
  kept: States | null;
  /** How many examples have states; 0 before the first call. */
  examples: number;
}

export const newTenant = (): Tenant => ({ kept: null, examples: 0 });

export interface Machine {
  readonly metadata: Metadata;
  /** The module's memory as it is now; memory that has grown leaves older views empty. */
  readonly floats: () => Float32Array;
  readonly integers: () => Int32Array;
  readonly view: (buffer: BufferInfo) => Numbers;
  readonly sizes: () => Sizes;
  readonly buffer: (name: string) => BufferInfo | undefined;
  /** The place in the views of a buffer's first element. */
  readonly at: (buffer: BufferInfo) => number;
  /** Memory laid out for these sizes, with this tenant's states in it. True if anything moved or changed hands. */
  readonly claim: (tenant: Tenant, sizes: Sizes) => boolean;
  /** A tenant's states, wherever they are. */
  readonly states: (tenant: Tenant) => States | null;
  /** Gives a tenant other states. */
  readonly assign: (tenant: Tenant, states: States | null) => void;
  /** Writes 1 (start anew) or 0 to the flags of all examples. */
  readonly setFresh: (fresh: boolean) => void;
  readonly run: (entry: keyof Metadata["entries"]) => void;
}

type Export = (...sizes: number[]) => unknown;

/** Instantiates. Fails if the module is not that of the metadata. */
export async function startMachine(
  metadata: Metadata,
  wasm: BufferSource | WebAssembly.Module,
): Promise<Machine> {
  if (metadata.format !== 1)
    fail(`this runtime reads packages of format 1, not ${String(metadata.format)}: build the package again`);
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  // The module grows it, up to the 2 GiB that its addresses reach.
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 32768 });
  const imports: Record<string, Record<string, WebAssembly.Memory>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
    if (kind === "memory") (imports[from] ??= {})[name] = memory;
  const { exports } = await WebAssembly.instantiate(module, imports);
  const exported = (name: string): Export => {
    const found = exports[name];
    return typeof found === "function"
      ? (found as Export)
      : fail(`the module of \`${metadata.name}\` has no \`${name}\``);
  };
  const reserve = exported("reserve");
  const base = exported("base");
  const entries: Partial<Record<string, Export>> = {};
  for (const [purpose, name] of Object.entries(metadata.entries))
    if (name !== null) entries[purpose] = exported(name);

  let floats = new Float32Array(0);
  let integers = new Int32Array(0);
  let sizes: Sizes = {};
  let bases = new Map<number, number>();
  let current: Tenant | null = null;

  const refresh = (): void => {
    if (floats.buffer === memory.buffer) return;
    floats = new Float32Array(memory.buffer);
    integers = new Int32Array(memory.buffer);
  };

  const lay = (next: Sizes): void => {
    const wanted = metadata.symbols.map((symbol) => next[symbol] ?? 1);
    const end = Number(reserve(...wanted));
    if (end < 0)
      fail(
        `there is no memory for ${metadata.symbols.map((symbol, k) => `${symbol} = ${wanted[k]}`).join(", ")}: ` +
          `it takes ${metadata.memory}; a smaller batch needs less`,
      );
    sizes = next;
    bases = new Map();
    clearBuffers(machine);
  };

  const sameSizes = (next: Sizes): boolean => {
    for (const symbol of metadata.symbols) if (sizes[symbol] !== next[symbol]) return false;
    return sizes !== nothing;
  };

  const nothing = sizes;
  const machine: Machine = {
    metadata,
    floats: () => (refresh(), floats),
    integers: () => (refresh(), integers),
    view: ({ dtype }) => (refresh(), dtype === "f32" ? floats : integers),
    sizes: () => sizes,
    buffer: (name) => metadata.buffers[name],
    at: ({ slot, offset }) => {
      let bytes = bases.get(slot);
      if (bytes === undefined) bases.set(slot, (bytes = Number(base(slot)) >>> 2));
      return bytes + offset;
    },
    claim: (tenant, next) => {
      if (tenant === current && sameSizes(next)) return false;
      if (current && current.examples > 0 && current.kept === null) current.kept = readStates(machine);
      if (!sameSizes(next)) lay(next);
      current = tenant;
      if (tenant.kept && tenant.examples === next["B"]) writeStates(machine, tenant.kept);
      tenant.kept = null;
      return true;
    },
    states: (tenant) =>
      tenant.kept ?? (tenant === current && tenant.examples > 0 ? readStates(machine) : null),
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
      const entry = entries[purpose] ?? fail(noEntry[purpose]);
      entry();
    },
  };
  lay(Object.fromEntries(metadata.symbols.map((symbol) => [symbol, 1])));
  return machine;
}

const noLoss = "the model has no loss: give it an output layer or `minimize` to train it";
const noEntry: Readonly<Record<keyof Metadata["entries"], string>> = {
  predict: "the model has no output: name one with `output`",
  step: "the model cannot run one step at a time",
  evaluate: noLoss,
  gradients: noLoss,
  update: noLoss,
  initialise: noLoss,
};

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
function stateLayout(
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

function readStates(machine: Machine): States {
  return Object.fromEntries(
    machine.metadata.states.map((name) => {
      const buffer = machine.buffer(name)!;
      const { shape, steps } = stateLayout(buffer, machine.sizes());
      const data =
        buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
      gather(machine.view(buffer), machine.at(buffer), steps, shape, data);
      return [name, { data, shape }];
    }),
  );
}

function writeStates(machine: Machine, states: States): void {
  for (const name of machine.metadata.states) {
    const buffer = machine.buffer(name)!;
    const { shape, steps } = stateLayout(buffer, machine.sizes());
    const state = states[name];
    if (!state || state.data.length !== elements(shape) || state.shape[0] !== shape[0])
      fail(`these states are of another model, or of another number of examples: \`${name}\` does not match`);
    const at = machine.at(buffer);
    const view = machine.view(buffer);
    // Padding lanes are zero by contract.
    view.fill(0, at, at + span(buffer, machine.sizes()));
    scatter(view, at, steps, shape, state.data);
  }
}
