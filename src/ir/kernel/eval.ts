/**
 * The interpreter of kernel programs: the meaning of the kernel IR, in float64 (or rounded to f32 after every
 * operation). It stores buffers exactly as their layouts say, so that it tests layouts too; an access out of range
 * throws, and in strict mode a padding lane that is not zero after a statement does.
 *
 * Temporaries and outputs start as NaN (0 for integers) in their logical elements: nobody may read what was not
 * written. Persistent buffers start as zeros. If the program has a memory plan, a write to one tenant of a slot turns
 * the others into NaN: a plan that lets two live at once shows.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { applyBinary, applyUnary, reducers } from "./scalars.ts";
import { random } from "../random.ts";
import { extentSize, indices, type Sizes, storage, type Storage } from "./layout.ts";
import { isShared, rangeOf } from "./share.ts";
import type {
  Access,
  Buffer,
  Expression,
  Kernel,
  KernelProgram,
  Loop,
  Product,
  Share,
  Stage,
  Statement,
  TimeLoop,
  Variable,
} from "./types.ts";
import { children, root, touches } from "./walk.ts";

export interface MachineOptions {
  /** Round every f32 result with `Math.fround`. */
  readonly single?: boolean;
  /** Check after each statement that padding lanes are zero. On by default. */
  readonly strict?: boolean;
  /** What a `random` expression draws; Threefry unless given. */
  readonly random?: Draw;
  /** Threads in the order in which each goes its way until they meet: `[0]` if not given. */
  readonly threads?: readonly number[];
}

export type Draw = (
  distribution: "uniform" | "normal",
  seed: number,
  place: number,
  example: number,
  coordinate: number,
) => number;

export interface Machine {
  run(entry: string): void;
  /** Logical elements in row-major order of the buffer's dims, without padding. */
  read(buffer: Buffer): Float64Array;
  write(buffer: Buffer, data: ArrayLike<number>): void;
}

interface Memory {
  readonly data: Float64Array;
  readonly base: number;
  readonly storage: Storage;
}

type Values = Map<Expression, number>;
type Environment = Map<Variable, number>;

export function makeMachine(program: KernelProgram, sizes: Sizes, options: MachineOptions = {}): Machine {
  const { single = false, strict = true, random: draw = random, threads = [0] } = options;
  let thread = 0;
  const memories = new Map<Buffer, Memory>();

  const memory = (buffer: Buffer): Memory => {
    const known = memories.get(buffer);
    if (known) return known;
    const layout = storage(buffer, sizes);
    let made: Memory;
    if (buffer.within) {
      const outer = memory(buffer.within.buffer);
      made = { data: outer.data, base: outer.base + buffer.within.offset, storage: layout };
      if (made.base + layout.elements > made.data.length)
        throw new CompilerBug(`${buffer.name} does not fit in ${buffer.within.buffer.name}`);
    } else {
      made = { data: new Float64Array(layout.elements), base: 0, storage: layout };
      if ((buffer.role === "temporary" || buffer.role === "output") && buffer.dtype === "f32")
        for (const index of indices(layout.sizes)) made.data[layout.offset(index)] = NaN;
    }
    memories.set(buffer, made);
    return made;
  };
  program.buffers.forEach(memory);

  const address = (access: Access, index: readonly number[]): readonly [Float64Array, number] => {
    const { data, base, storage: layout } = memory(access.buffer);
    if (index.length !== layout.sizes.length || index.some((x, d) => !(x >= 0 && x < layout.sizes[d]!)))
      throw new CompilerBug(`index [${index}] of ${access.buffer.name}[${layout.sizes}]`);
    return [data, base + layout.offset(index)];
  };

  /** Padding lanes: every place of storage that no logical index reaches. */
  const checkPadding = (buffer: Buffer, after: string): void => {
    const { data, base, storage: layout } = memory(buffer);
    const logical = new Uint8Array(layout.elements);
    for (const index of indices(layout.sizes)) logical[layout.offset(index)] = 1;
    for (let k = 0; k < layout.elements; k++)
      if (!logical[k] && data[base + k] !== 0)
        throw new CompilerBug(`padding of ${buffer.name} holds ${data[base + k]} after ${after}`);
  };

  // ---- expressions --------------------------------------------------------------------------------------------

  const evaluate = (e: Expression, env: Environment, scopes: Scopes): number => {
    const values = scopes.valuesOf(e);
    const before = values.get(e);
    if (before !== undefined) return before;
    const value = compute(e, (x) => evaluate(x, env, scopes), env);
    const rounded = single && e.dtype === "f32" ? Math.fround(value) : value;
    values.set(e, rounded);
    return rounded;
  };

  const compute = (e: Expression, of: (e: Expression) => number, env: Environment): number => {
    switch (e.kind) {
      case "constant":
        return e.value;
      case "variable":
      case "reduced": {
        const value = env.get(e.kind === "variable" ? e.variable : e.stage);
        if (value === undefined) throw new CompilerBug("a variable out of scope");
        return value;
      }
      case "extent":
        return extentSize(e.extent, sizes);
      case "load": {
        const [data, at] = address(e.from, e.from.index.map(of));
        return data[at]!;
      }
      case "unary":
        return applyUnary(e.fn, e.operand.dtype, of(e.operand));
      case "binary":
        return applyBinary(e.fn, e.left.dtype, of(e.left), of(e.right));
      case "select":
        return of(e.condition) ? of(e.then) : of(e.else);
      case "random":
        return draw(e.distribution, of(e.seed), e.place, of(e.example), of(e.coordinate));
      default:
        return e satisfies never;
    }
  };

  const owners = new Map<number, Buffer>();
  const occupy = (statement: Statement): void => {
    const { plan } = program;
    if (!plan) return;
    for (const { access, write } of touches(statement)) {
      const buffer = root(access.buffer);
      const slot = plan.slotOf.get(buffer);
      if (!write || slot === undefined || owners.get(slot) === buffer) continue;
      owners.set(slot, buffer);
      for (const [other, its] of plan.slotOf) if (its === slot && other !== buffer) spoil(other);
    }
  };
  const spoil = (buffer: Buffer): void => {
    const { data, storage: layout } = memory(buffer);
    for (const index of indices(layout.sizes)) data[layout.offset(index)] = NaN;
  };

  // ---- statements ---------------------------------------------------------------------------------------------

  const forEach = (loops: readonly Loop[], env: Environment, body: () => void, share?: Share): void => {
    const extents = loops.map((l) => extentSize(l.extent, sizes));
    for (const index of indices(extents)) {
      loops.forEach((l, d) => env.set(l.variable, index[d]!));
      if (!share || isOwn(share, env)) body();
    }
  };

  /** Whether the point is the thread's. */
  const isOwn = ({ loops, by }: Share, env: Environment): boolean => {
    const extents = loops.map((l) => extentSize(l.extent, sizes));
    const count = extents.reduce((n, e) => n * e, 1);
    const place = loops.reduce((at, l, d) => at * extents[d]! + env.get(l.variable)!, 0);
    const { from, to } = rangeOf(count, by, thread, threads.length);
    return from <= place && place < to;
  };

  const runKernel = (kernel: Kernel, env: Environment): void => {
    const inner = kernel.stages.map((stage) => dependsOn(stage));
    const row = (): void => {
      const rowValues: Values = new Map();
      kernel.stages.forEach((stage, k) => runStage(stage, env, rowValues, inner[k]!));
    };
    forEach(kernel.loops, env, row, kernel.share);
  };

  const runStage = (stage: Stage, env: Environment, row: Values, varies: Varies): void => {
    const reducer = stage.kind === "reduce" ? reducers[stage.fn]() : null;
    forEach(stage.loops, env, () => {
      const point: Values = new Map();
      const scopes: Scopes = { valuesOf: (e) => (varies(e) ? point : row) };
      const value = evaluate(stage.value, env, scopes);
      if (stage.kind === "reduce") {
        const position = stage.loops.length > 0 ? env.get(stage.loops[0]!.variable)! : 0;
        reducer!.take(value, position);
        return;
      }
      const [data, at] = address(
        stage.to,
        stage.to.index.map((x) => evaluate(x, env, scopes)),
      );
      const sum = stage.accumulate ? data[at]! + value : value;
      data[at] = single && stage.to.buffer.dtype === "f32" ? Math.fround(sum) : sum;
    });
    if (stage.kind === "reduce") {
      const found = reducer!.result();
      env.set(stage.result, single ? Math.fround(found) : found);
    }
  };

  const runProduct = (product: Product, env: Environment): void => {
    const index = (access: Access): readonly number[] => {
      const scopes: Scopes = { valuesOf: () => new Map() };
      return access.index.map((x) => evaluate(x, env, scopes));
    };
    const round = single ? Math.fround : (x: number): number => x;
    const element = (): void => {
      let sum = 0;
      if (product.start) {
        const [data, at] = address(product.start, index(product.start));
        sum = data[at]!;
      }
      forEach(product.k, env, () => {
        const [left, l] = address(product.left, index(product.left));
        const [right, r] = address(product.right, index(product.right));
        sum = round(sum + round(left[l]! * right[r]!));
      });
      const [data, at] = address(product.to, index(product.to));
      data[at] = sum;
    };
    forEach([...product.m, ...product.n], env, element, product.share);
  };

  const eachStep = ({ loop, reverse }: TimeLoop, env: Environment, body: () => void): void => {
    const steps = extentSize(loop.extent, sizes);
    for (let k = 0; k < steps; k++) {
      env.set(loop.variable, reverse ? steps - 1 - k : k);
      body();
    }
  };

  const runStatement = (statement: Statement, env: Environment): void => {
    switch (statement.kind) {
      case "kernel":
        occupy(statement);
        runKernel(statement, env);
        break;
      case "product":
        occupy(statement);
        runProduct(statement, env);
        break;
      case "loop":
        return eachStep(statement, env, () => statement.body.forEach((s) => runStatement(s, env)));
      case "if":
        if (evaluate(statement.condition, env, { valuesOf: () => new Map() }))
          statement.then.forEach((s) => runStatement(s, env));
        return;
      default:
        statement satisfies never;
    }
    if (!strict) return;
    const written = touches(statement).flatMap((t) => (t.write ? [t.access.buffer] : []));
    for (const buffer of new Set(written)) checkPadding(buffer, statement.name);
  };

  /** Statements after each of which the threads meet. */
  const runMeeting = (statements: readonly Statement[], env: Environment): void => {
    for (const statement of statements)
      if (statement.kind === "if") {
        if (evaluate(statement.condition, env, { valuesOf: () => new Map() }))
          runMeeting(statement.then, env);
      } else if (statement.kind === "loop" && statement.meets) {
        eachStep(statement, env, () => runMeeting(statement.body, env));
      } else {
        for (thread of isShared(statement) ? threads : [0]) runStatement(statement, env);
      }
  };

  return {
    run(name) {
      const entry = program.entries.find((e) => e.name === name);
      if (!entry) throw new CompilerBug(`no entry ${name}`);
      runMeeting(entry.body, new Map());
    },
    read(buffer) {
      const { data, base, storage: layout } = memory(buffer);
      const result: number[] = [];
      for (const index of indices(layout.sizes)) result.push(data[base + layout.offset(index)]!);
      return Float64Array.from(result);
    },
    write(buffer, values) {
      const { data, base, storage: layout } = memory(buffer);
      let next = 0;
      for (const index of indices(layout.sizes)) data[base + layout.offset(index)] = values[next++]!;
      if (next !== values.length)
        throw new CompilerBug(`${values.length} values for ${buffer.name}: ${next}`);
    },
  };
}

/** Which of the two lives an expression's value has: the whole row's, or one point's of a stage's inner loops. */
interface Scopes {
  readonly valuesOf: (e: Expression) => Values;
}

type Varies = (e: Expression) => boolean;

/**
 * An expression is computed once per point: one that depends on a stage's own loops, once per point of those;
 * any other once per row, so an earlier stage's value is not loaded again after a store in place.
 */
function dependsOn(stage: Stage): Varies {
  const inner = new Set(stage.loops.map((l) => l.variable));
  const known = new Map<Expression, boolean>();
  const varies = (e: Expression): boolean => {
    const before = known.get(e);
    if (before !== undefined) return before;
    const result = e.kind === "variable" ? inner.has(e.variable) : children(e).some(varies);
    known.set(e, result);
    return result;
  };
  return varies;
}
