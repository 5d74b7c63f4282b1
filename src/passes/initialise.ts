/**
 * Where a training starts: every parameter drawn from its initialiser, moments and counters zero. An element is a
 * pure function of (seed, the parameter's name, its own position), so neither another parameter, nor merged gates,
 * nor the layout in memory changes it.
 *
 * In `W[…, n, k]` the last axis is what comes in. glorot: Glorot & Bengio 2010, he: He et al. 2015, identity: Le,
 * Jaitly & Hinton 2015, orthogonal: Saxe et al. 2014, see `orthogonal.ts`.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { fixedSize } from "../ir/graph/build.ts";
import type { Parameter } from "../ir/graph/types.ts";
import { at, binary, f32, fixed, i32, loop, select, storeKernel } from "../ir/kernel/build.ts";
import type { Access, Buffer, Expression, Kernel, Statement } from "../ir/kernel/types.ts";
import { flatten, orthogonalStatements, type MatrixTarget } from "./orthogonal.ts";
import { counterIndex, scalar, scalarAt, type TrainingBuffers } from "./training-buffers.ts";

export interface InitialiserTarget {
  readonly member: Parameter;
  /** Where an element lies: one index an axis of the member, in their order. */
  readonly target: (index: readonly Expression[]) => Access;
  /** `stableHash` of the member's name. */
  readonly place: number;
}

export interface Initialisation {
  readonly body: readonly Statement[];
  /** What the body works on besides the training buffers. */
  readonly temporaries: readonly Buffer[];
}

/** The entry `initialise`. The caller sets the seed, `counters[0]`, before. */
export function initialiserStatements(
  parameters: readonly InitialiserTarget[],
  flat: Pick<TrainingBuffers, "moments" | "counters">,
): Initialisation {
  const seed = scalar(flat.counters, counterIndex.seed);
  const orthogonal = orthogonalStatements(
    parameters.filter(isOrthogonal).map((parameter) => matrixTarget(parameter)),
    seed,
  );
  return {
    body: [
      ...parameters.filter((parameter) => !isOrthogonal(parameter)).map((parameter) => fill(parameter, seed)),
      ...orthogonal.body,
      ...flat.moments.map(clear),
      resetCounters(flat.counters),
    ],
    temporaries: orthogonal.temporaries,
  };
}

const isOrthogonal = ({ member }: InitialiserTarget): boolean => member.initialiser.kind === "orthogonal";

const sizesOf = (member: Parameter): readonly number[] => member.axes.map(fixedSize);

function fill({ member, target, place }: InitialiserTarget, seed: Expression): Kernel {
  const sizes = sizesOf(member);
  const loops = sizes.map((size, axis) => loop(`i${axis}`, fixed(size)));
  const index = loops.map(({ variable }) => at(variable));
  const random = (distribution: "uniform" | "normal"): Expression => ({
    kind: "random",
    dtype: "f32",
    distribution,
    seed,
    place,
    example: i32(0),
    coordinate: flatten(index, sizes),
  });
  return {
    kind: "kernel",
    name: `initialise.${member.name}`,
    loops,
    stages: [
      {
        kind: "store",
        loops: [],
        to: target(index),
        value: elementOf(member, index, random),
        accumulate: false,
      },
    ],
  };
}

function elementOf(
  { name, axes, initialiser }: Parameter,
  index: readonly Expression[],
  random: (distribution: "uniform" | "normal") => Expression,
): Expression {
  const normal = (deviation: number) => binary("mul", random("normal"), f32(deviation));
  const uniform = (bound: number) =>
    binary("sub", binary("mul", random("uniform"), f32(2 * bound)), f32(bound));
  const sizes = axes.map(fixedSize);
  switch (initialiser.kind) {
    case "zeros":
      return f32(0);
    case "ones":
      return f32(1);
    case "constant":
      return f32(initialiser.value);
    case "normal":
      return normal(initialiser.deviation);
    case "uniform":
      return uniform(initialiser.bound);
    case "glorot": {
      const { fanIn, fanOut } = fans(sizes);
      return uniform(Math.sqrt(6 / (fanIn + fanOut)));
    }
    case "he":
      return normal(Math.sqrt(2 / fans(sizes).fanIn));
    case "identity": {
      // A vector stands for the diagonal.
      if (index.length < 2) return f32(initialiser.scale);
      const [row, column] = index.slice(-2);
      return select(binary("eq", row!, column!), f32(initialiser.scale), f32(0));
    }
    case "orthogonal":
      throw new CompilerBug(`\`${name}\` is orthogonal, which is no function of one element`);
    default:
      return initialiser satisfies never;
  }
}

/** Of `W[n, k]` n go out and k come in; a vector maps its size to its size. */
export function fans(sizes: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  const fanIn = sizes.at(-1) ?? 1;
  const rows = sizes.slice(0, -1);
  return { fanIn, fanOut: rows.length === 0 ? fanIn : rows.reduce((n, size) => n * size, 1) };
}

/** The last two axes are the matrix, each element of the others has one of its own; a vector is one row. */
function matrixTarget({ member, target, place }: InitialiserTarget): MatrixTarget {
  const sizes = sizesOf(member);
  return {
    name: member.name,
    blocks: sizes.slice(0, -2),
    rows: sizes.at(-2) ?? 1,
    columns: sizes.at(-1) ?? 1,
    place,
    // Without the axes that a vector does not have.
    target: (block, row, column) => target([...block, row, column].slice(block.length + 2 - sizes.length)),
  };
}

function clear(buffer: Buffer): Kernel {
  const i = loop("i", buffer.dims[0]!);
  const to: Access = { buffer, index: [at(i.variable)] };
  return storeKernel(`clear.${buffer.name}`, [i], to, f32(0));
}

/** All but the seed, which is the first. */
function resetCounters(counters: Buffer): Kernel {
  const indices = Array.from({ length: counters.dims[0]!.plus - 1 }, (_, k) => k + 1);
  return {
    kind: "kernel",
    name: "clear.counters",
    loops: [],
    stages: indices.map((index) => ({
      kind: "store",
      loops: [],
      to: scalarAt(counters, index),
      value: i32(0),
      accumulate: false,
    })),
  };
}
