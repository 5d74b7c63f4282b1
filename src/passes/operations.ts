/** How many operations an entry takes for given sizes: a multiplication and an addition are two, so is any other function one. */
import { extentSize, type Sizes } from "../ir/kernel/layout.ts";
import type { Entry, Loop, Statement } from "../ir/kernel/types.ts";
import { expressions } from "../ir/kernel/walk.ts";

export const operations = ({ body }: Entry, sizes: Sizes): number =>
  body.reduce((sum, s) => sum + ofStatement(s, sizes), 0);

function ofStatement(statement: Statement, sizes: Sizes): number {
  const turns = (loops: readonly Loop[]): number =>
    loops.reduce((n, { extent }) => n * extentSize(extent, sizes), 1);
  const ofAll = (statements: readonly Statement[]): number =>
    statements.reduce((sum, s) => sum + ofStatement(s, sizes), 0);
  switch (statement.kind) {
    case "product":
      return 2 * turns([...statement.m, ...statement.n, ...statement.k]);
    case "kernel":
      return (
        turns(statement.loops) *
        statement.stages.reduce((sum, { loops, value }) => {
          const own = expressions([value]).filter((e) => e.kind === "unary" || e.kind === "binary");
          return sum + own.length * turns(loops);
        }, 0)
      );
    case "loop":
      return turns([statement.loop]) * ofAll(statement.body);
    case "if":
      return ofAll(statement.then);
    default:
      return statement satisfies never;
  }
}
