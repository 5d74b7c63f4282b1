/** Puts a batch into the module's memory: sizes reserved, inputs padded with zeros, lengths and identities written. */
import type { Batch, DataSpecs } from "./batch.ts";
import { fail } from "./errors.ts";
import { batchDim, dimsOf, extent, scatter, type Sizes, span, strides } from "./layout.ts";
import type { Machine, Tenant } from "./machine.ts";
import type { BufferInfo } from "./metadata.ts";
import { inSegments } from "./segments.ts";

/**
 * The examples, and the longest length along each ragged axis; at least 1, so that no buffer is empty. `training`: for losses and
 * gradients, whose entries may go in segments.
 */
export function sizesOf(of: DataSpecs, batch: Batch, training?: boolean): Sizes {
  const sizes = Object.fromEntries(
    of.metadata.symbols.map((symbol) => {
      const size =
        symbol === "B"
          ? batch.count
          : (batch.lengths.get(symbol) ?? new Int32Array()).reduce((m, n) => Math.max(m, n), 0);
      return [symbol, Math.max(1, size)];
    }),
  );
  return training ? inSegments(of.metadata, sizes) : sizes;
}

/** Readies memory for a run over the batch, by a tenant whose states go on unless the batch is fresh. */
export function feed(
  machine: Machine,
  of: DataSpecs,
  batch: Batch,
  tenant: Tenant,
  training?: boolean,
): void {
  if (batch.count === 0) fail("there are no examples in this batch");
  const fresh = batch.fresh || tenant.examples === 0;
  if (!fresh && tenant.examples !== batch.count)
    fail(`the states are of ${tenant.examples} sequences, the next part of them has ${batch.count}`);
  if (fresh) machine.assign(tenant, null);
  machine.claim(tenant, sizesOf(of, batch, training));
  for (const name of batch.columns.keys()) feedColumn(machine, of, batch, name);
  feedFrame(machine, of, batch);
  machine.setFresh(fresh);
  tenant.examples = batch.count;
}

/** What a run reads of a batch besides its data: the lengths and identities of the examples. */
export function feedFrame(machine: Machine, of: DataSpecs, batch: Batch): void {
  for (const symbol of machine.metadata.symbols) if (symbol !== "B") feedLengths(machine, of, batch, symbol);
  const ids = machine.buffer("example");
  if (ids) machine.integers().set(batch.ids, machine.at(ids));
}

function feedColumn(machine: Machine, of: DataSpecs, batch: Batch, name: string): void {
  const buffer = machine.buffer(name);
  if (!buffer) return;
  const { info } = of.specs.get(name)!;
  const { view, at, steps, batchStep } = clear(machine, buffer);
  const own = dimsOf(buffer, info.axes).map((dim) => steps[dim]!);
  batch.columns
    .get(name)!
    .forEach(({ data, shape }, k) => scatter(view, at + k * batchStep, own, shape, data));
}

function clear(machine: Machine, buffer: BufferInfo) {
  const view = machine.view(buffer);
  const at = machine.at(buffer);
  view.fill(0, at, at + span(buffer, machine.sizes()));
  const steps = strides(buffer, machine.sizes());
  return { view, at, steps, batchStep: steps[batchDim(buffer)] ?? 0 };
}

/** `T.length`: one an example, or, for an axis within another, one a row where the model reads it so. */
function feedLengths(machine: Machine, of: DataSpecs, batch: Batch, axis: string): void {
  const buffer = machine.buffer(`${axis}.length`);
  const lengths = batch.lengths.get(axis);
  if (!buffer) return;
  const { view, at, steps, batchStep } = clear(machine, buffer);
  for (let k = 0; k < batch.count; k++) {
    const each = dimsOf(buffer, []);
    if (each.length === 0) {
      view[at + k * batchStep] = lengths?.[k] ?? 0;
      checkRows(of, batch, axis, k);
      continue;
    }
    const { data, shape } = rowLengths(
      of,
      batch,
      axis,
      k,
      each.map((dim) => extent(buffer.dims[dim]!, machine.sizes())),
    );
    scatter(
      view,
      at + k * batchStep,
      each.map((dim) => steps[dim]!),
      shape,
      data,
    );
  }
}

function checkRows(of: DataSpecs, batch: Batch, axis: string, k: number): void {
  for (const [name, column] of batch.columns) {
    const level = of.specs.get(name)!.info.axes.findIndex((a) => a.name === axis);
    const rows = column[k]!.inner.get(level);
    if (rows)
      fail(
        `the rows of \`${name}\` have lengths ${[...new Set(rows)].join(", ")} along ${axis} ` +
          `(in example ${k}): in this model they must be equally long within an example`,
      );
  }
}

/** The lengths along an inner axis at each place of the axes before it. */
function rowLengths(of: DataSpecs, batch: Batch, axis: string, k: number, extents: readonly number[]) {
  for (const [name, column] of batch.columns) {
    const level = of.specs.get(name)!.info.axes.findIndex((a) => a.name === axis);
    if (level < 1) continue;
    const { shape, inner } = column[k]!;
    const places = shape.slice(0, level);
    const data = inner.get(level) ?? new Int32Array(places.reduce((n, s) => n * s, 1)).fill(shape[level]!);
    return { data, shape: places };
  }
  return { data: new Int32Array(extents.reduce((n, s) => n * s, 1)), shape: extents };
}
