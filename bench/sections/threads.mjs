/** What several threads are worth: rows on one thread, on as many as there are cores, and the build for one, in turns. */
import { cpus } from "node:os";
import { dataOf, weightsOf } from "../data.mjs";
import { describeMachine, load } from "../machine.mjs";
import { spread, takeTurns, timedOnWall } from "../measure.mjs";
import { compiled, prepareOurs } from "../ours.mjs";
import { rows } from "../rows.mjs";

const chosen = ["W3", "W4", "W5", "W7"];

export async function measure({ rounds, wanted }) {
  const before = load();
  const counts = [null, ...new Set([1, 2, Math.min(4, cpus().length)])];
  const results = [];
  for (const row of rows.filter(({ name }) => (wanted.length > 0 ? wanted : chosen).includes(name)))
    results.push({
      name: row.name,
      work: row.work,
      unit: row.unit,
      variants: await variantsOf(row, counts, rounds),
    });
  return {
    ...describeMachine(),
    load: [before, load()],
    clock: "clock on the wall",
    rounds,
    rows: results,
  };
}

/** `threads`: null is a module built for one. */
async function variantsOf(row, counts, rounds) {
  const variants = [];
  for (const threads of counts) {
    const module = await compiled(row.program, { threads: threads !== null });
    const weights = weightsOf(module.metadata.parameters);
    const { run, result } = await prepareOurs(row, module, dataOf(row), weights, threads ?? undefined);
    variants.push({ threads, result, time: timedOnWall(run) });
  }
  const [alone] = variants;
  for (const { threads, result } of variants)
    if (result.some((x, k) => x !== alone.result[k]))
      throw new Error(`${row.name}: ${threads} threads differ`);
  const times = await takeTurns(variants, rounds);
  const [one] = times.map(spread);
  return variants.map(({ threads }, k) => {
    const measured = spread(times[k]);
    return {
      threads,
      ...measured,
      ratio: one.median / measured.median,
      ratioOfLeast: one.least / measured.least,
    };
  });
}
