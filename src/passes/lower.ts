/**
 * lower: graphs to a kernel program. Here memory and order are decided: which values exist, where they lie, in what
 * statements they are computed.
 *
 *   output y = tanh(contract[k](W, x) + b)
 * becomes
 *   product  add[B, n] = b[n] + sum over k of x[B, k] * W[k, n]
 *   kernel   y[B, n] = tanh(add[B, n])
 *
 * Entries share parameters, inputs and carried states by name. Values are in the canonical order of their axes;
 * a value with several readers is kept, any other is part of an expression. `fuse` merges what is naive here.
 *
 * Needs: graphs after mask-padding, whose reductions need no masks. Makes true: what the kernel verifier checks;
 * outputs of scans are zero past an example's end.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Graph, Node, Output } from "../ir/graph/types.ts";
import type { Buffer, Entry, KernelProgram, Statement } from "../ir/kernel/types.ts";
import { loads } from "../ir/kernel/walk.ts";
import { type Context, nameOf, storeKernel, temporary } from "./lower-context.ts";
import { makePull } from "./lower-expression.ts";
import { type FlatParameters, layOutParameters, type PlacedParameter } from "./lower-parameters.ts";
import { along, beneath, type Bind, domain, index, loaded, type Place } from "./lower-place.ts";
import {
  type LengthBuffer,
  type NamedBuffer,
  type OutputBuffer,
  type Shared,
  shareProgram,
} from "./lower-program.ts";
import { storeMasked } from "./lower-held.ts";
import { storeScope } from "./lower-scope.ts";
import type { Owner } from "./stacked-sums.ts";
import { isLeaf, isView, type Uses, usesOf } from "./lower-uses.ts";

export interface LowerOptions {
  /** i32 state, [0] the seed, [1] the step of training; made if needed and not given. */
  readonly counters?: Buffer;
  /** Whose a parameter is, by its name: those of one owner lie together. One has all if not given. */
  readonly owner?: Owner;
}

export interface Lowered {
  readonly program: KernelProgram;
  readonly parameters: readonly PlacedParameter[];
  /** The flat buffers that all parameters and all gradients lie in; null where nothing is learned. */
  readonly flat: FlatParameters | null;
  /** Inputs; those of role `state` keep their values between calls. */
  readonly inputs: readonly NamedBuffer[];
  readonly outputs: readonly OutputBuffer[];
  /** The lengths of the examples along each ragged axis, and the symbol of the longest. */
  readonly lengths: readonly LengthBuffer[];
  readonly counters: Buffer | null;
  /** The identities of the examples, where random numbers are drawn for each. */
  readonly example: Buffer | null;
}

export function lower(
  name: string,
  entries: readonly { readonly name: string; readonly graph: Graph }[],
  options: LowerOptions = {},
): Lowered {
  const uses = entries.map((e) => usesOf(e.graph));
  const parameters = layOutParameters(uses, options.owner ?? (() => 0));
  const outputs = entries.flatMap((e) => e.graph.outputs);
  const carried = new Set(outputs.filter((o) => o.role === "carry").map((o) => o.name));
  const shared = shareProgram(parameters, carried, options.counters ?? null);
  const bodies = entries.map((e, k): Entry => ({
    name: e.name,
    body: lowerEntry(e.name, e.graph, uses[k]!, shared),
  }));
  const { buffers, symbols, ...found } = shared.found();
  const program: KernelProgram = { name, symbols, buffers, entries: bodies, plan: null };
  return { program, parameters: parameters.placed, flat: parameters.flat, ...found };
}

function lowerEntry(name: string, graph: Graph, uses: Uses, shared: Shared): Statement[] {
  const c: Context = {
    shared,
    uses,
    pull: makePull(shared),
    prologue: [],
    packed: new Map(),
    presets: new Map(),
    finishes: new Map(),
    forced: new Set(),
    deferred: new Set(),
    temporaries: new Set(),
    inPart: new Set(),
    results: new Map(),
  };
  const body: Statement[] = [];
  const copies: (() => Statement)[] = [];
  const plain = graph.outputs.filter((o) => o.role !== "gradient" && o.role !== "carry");
  for (const output of plain) {
    const { value } = output;
    if (value.type.dtype === "tuple") throw new CompilerBug(`output ${output.name} is a whole scan`);
    const buffer = shared.output(name, output.name, output.role, value.type.dtype, value.type.axes);
    wanted(c, output.name, value, { buffer, dims: value.type.axes.map(along) }, copies);
  }
  presetGradients(
    c,
    graph.outputs.filter((o) => o.role === "gradient"),
    copies,
  );
  storeMasked(c);
  storeScope(c, null, body);
  body.push(...copies.map((make) => make()));
  storeCarries(
    c,
    graph.outputs.filter((o) => o.role === "carry"),
    body,
  );
  return [...c.prologue, ...body];
}

/** Has a value computed in the place where it is wanted, or copied there at the end. */
function wanted(c: Context, name: string, value: Node, place: Place, copies: (() => Statement)[]): void {
  const [node, at] = beneath(value, place, (x) => c.uses.count(x) === 1);
  const movable = c.uses.scopeOf(node) === null && !isLeaf(node) && !isView(node) && !c.uses.absorbed(node);
  if (movable && !c.presets.has(node)) {
    c.presets.set(node, at);
    c.forced.add(node);
  } else copies.push(() => storeKernel(c, name, value.type.axes, place, (bind) => c.pull.value(value, bind)));
}

/** Gradients of parameters that lie side by side and are picked from one value: the value is stored there whole. */
function presetGradients(c: Context, outputs: readonly Output[], copies: (() => Statement)[]): void {
  const byName = new Map(outputs.map((o) => [o.name, o]));
  const done = new Set<string>();
  for (const { name, value } of outputs) {
    if (done.has(name)) continue;
    const members = c.shared.parameters.siblings(name);
    const picks = members.map((m) => byName.get(m)?.value);
    const [first] = picks;
    const whole =
      members.length > 1 &&
      picks.every(
        (p, k) =>
          p?.op === "pick" &&
          first?.op === "pick" &&
          p.operands[0] === first.operands[0] &&
          p.attributes.axis === first.attributes.axis &&
          p.attributes.index === k,
      );
    if (whole && first?.op === "pick") {
      const merged = first.operands[0]!;
      const { axis } = first.attributes;
      const rest = c.shared.parameters.gradient(name, value.type.axes);
      const dims = rest.dims.map((d) => (d.axis ? d : along(axis)));
      wanted(c, name, merged, { ...rest, dims }, copies);
      members.forEach((m) => done.add(m));
    } else wanted(c, name, value, c.shared.parameters.gradient(name, value.type.axes), copies);
  }
}

/** The new values of states that live on, at the very end; through temporaries if one could overwrite another's. */
function storeCarries(c: Context, outputs: readonly Output[], out: Statement[]): void {
  const stores: Statement[] = [];
  for (const { name, value } of outputs) {
    const { dtype, axes } = value.type;
    if (dtype === "tuple") throw new CompilerBug(`carry ${name} is a whole scan`);
    const buffer = c.shared.input(name, dtype, axes);
    const to: Place = { buffer, dims: axes.map(along) };
    const read = (bind: Bind) => c.pull.value(value, bind);
    const isShared = loads([read(domain(axes).bind)]).some((x) => x.buffer.role === "state");
    if (!isShared) {
      stores.push(storeKernel(c, name, axes, to, read));
      continue;
    }
    const step = temporary(c, value, ".next");
    out.push(storeKernel(c, nameOf(value), axes, step, read));
    stores.push(storeKernel(c, name, axes, to, (bind) => loaded(index(step, bind), dtype)));
  }
  out.push(...stores);
}

export type { LengthBuffer, NamedBuffer, OutputBuffer, PlacedParameter };
