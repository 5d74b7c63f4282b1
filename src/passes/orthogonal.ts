/**
 * Orthogonal starts (Saxe et al. 2014) as kernel statements: a matrix of normal numbers is orthonormalised by
 * Gram–Schmidt, along rows or columns, whichever are fewer. Norms being positive, the result is uniform among the
 * orthogonal matrices (Mezzadri 2007), without the signs that a QR by reflections has to mend.
 *
 * Each vector is projected twice ("twice is enough", Parlett 1980), since in float32 once loses orthogonality where
 * the matrix happens to be ill-conditioned. Matrices of one shape share a scratch buffer and the code; the vectors
 * lie in its rows, so the inner loops run over consecutive elements whatever the layout of the weights.
 */
import {
  access,
  at,
  binary,
  f32,
  fixed,
  i32,
  load,
  loop,
  rowsBuffer,
  store,
  unary,
  variable,
} from "../ir/kernel/build.ts";
import type { Access, Buffer, Expression, Kernel, Loop, Statement } from "../ir/kernel/types.ts";

export interface MatrixTarget {
  readonly name: string;
  /** Sizes of the axes before the matrix: a matrix for each of their elements. */
  readonly blocks: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly place: number;
  readonly target: (block: readonly Expression[], row: Expression, column: Expression) => Access;
}

export function orthogonalStatements(
  targets: readonly MatrixTarget[],
  seed: Expression,
): { readonly body: readonly Statement[]; readonly temporaries: readonly Buffer[] } {
  const groups = new Map<string, MatrixTarget[]>();
  for (const target of targets) {
    const key = `${vectorCount(target)}x${vectorLength(target)}`;
    groups.set(key, [...(groups.get(key) ?? []), target]);
  }
  const body: Statement[] = [];
  const temporaries: Buffer[] = [];
  for (const [key, group] of groups) {
    const first = group[0]!;
    const matrices = group.reduce((n, target) => n + blockCount(target), 0);
    const dims = [matrices, vectorCount(first), vectorLength(first)].map(fixed);
    const work = rowsBuffer(`orthogonal.${key}`, "f32", dims, "temporary");
    temporaries.push(work);
    const starts = group.map((_, k) => group.slice(0, k).reduce((n, target) => n + blockCount(target), 0));
    body.push(
      ...group.map((target, k) => transfer("draw", target, work, starts[k]!, seed)),
      orthonormalise(work),
      ...group.map((target, k) => transfer("copy", target, work, starts[k]!, seed)),
    );
  }
  return { body, temporaries };
}

const vectorCount = ({ rows, columns }: MatrixTarget): number => Math.min(rows, columns);
const vectorLength = ({ rows, columns }: MatrixTarget): number => Math.max(rows, columns);
const blockCount = ({ blocks }: MatrixTarget): number => blocks.reduce((n, size) => n * size, 1);

/** Fills the target's matrices in `work`, the first of them at `start`, or copies them from there to the target. */
function transfer(
  direction: "draw" | "copy",
  matrix: MatrixTarget,
  work: Buffer,
  start: number,
  seed: Expression,
): Kernel {
  const blockLoops = matrix.blocks.map((size, k) => loop(`block${k}`, fixed(size)));
  const vector = loop("vector", fixed(vectorCount(matrix)));
  const element = loop("element", fixed(vectorLength(matrix)));
  const [row, column] = matrix.rows <= matrix.columns ? [vector, element] : [element, vector];
  const index = [...blockLoops, row, column].map(({ variable: v }) => at(v));
  const sizes = [...matrix.blocks, matrix.rows, matrix.columns];
  const block = flatten(index.slice(0, -2), matrix.blocks);
  const scratch = access(work, [binary("add", block, i32(start)), at(vector.variable), at(element.variable)]);
  const drawn: Expression = {
    kind: "random",
    dtype: "f32",
    distribution: "normal",
    seed,
    place: matrix.place,
    example: i32(0),
    coordinate: flatten(index, sizes),
  };
  const target = matrix.target(index.slice(0, -2), at(row.variable), at(column.variable));
  return {
    kind: "kernel",
    name: `initialise.${matrix.name}.${direction}`,
    loops: [...blockLoops, vector, element],
    stages: [direction === "draw" ? store(scratch, drawn) : store(target, load(scratch))],
  };
}

/** The number of an element in row-major order. */
export function flatten(index: readonly Expression[], sizes: readonly number[]): Expression {
  const [first, ...rest] = index;
  if (first === undefined) return i32(0);
  return rest.reduce((sum, i, k) => binary("add", binary("mul", sum, i32(sizes[k + 1]!)), i), first);
}

function orthonormalise(work: Buffer): Statement {
  const matrix = loop("matrix", work.dims[0]!);
  const vector = loop("vector", work.dims[1]!);
  const time = loop("time", fixed(2));
  const earlier = loop("earlier", work.dims[1]!);
  const element = loop("element", work.dims[2]!);
  const elementOf = (v: Loop): Access =>
    access(work, [at(matrix.variable), at(v.variable), at(element.variable)]);
  const to = elementOf(vector);
  const own = load(to);
  const other = load(elementOf(earlier));

  const project = rowKernel("orthogonal.project", element, binary("mul", own, other), to, (dot) =>
    binary("sub", own, binary("mul", dot, other)),
  );
  // A vector of zeros stays one instead of becoming NaN.
  const normalise = rowKernel("orthogonal.normalise", element, binary("mul", own, own), to, (squares) =>
    binary("div", own, binary("max", unary("sqrt", squares), f32(1e-30))),
  );
  const condition = binary("lt", at(earlier.variable), at(vector.variable));
  return sequence(matrix, [
    sequence(vector, [
      sequence(time, [sequence(earlier, [{ kind: "if", condition, then: [project] }])]),
      normalise,
    ]),
  ]);
}

/** A sum over the row, then a new value for each of its elements. */
function rowKernel(
  name: string,
  inner: Loop,
  summand: Expression,
  to: Access,
  value: (sum: Expression) => Expression,
): Kernel {
  const result = variable("sum");
  return {
    kind: "kernel",
    name,
    loops: [],
    stages: [
      { kind: "reduce", loops: [inner], fn: "sum", value: summand, result },
      store(to, value({ kind: "reduced", dtype: "f32", stage: result }), [inner]),
    ],
  };
}

const sequence = (over: Loop, body: readonly Statement[]): Statement => ({
  kind: "loop",
  loop: over,
  reverse: false,
  body,
});
