/**
 * What each pass is worth: rows with each pass switched off, one at a time, in turns with the whole pipeline; and what training in
 * less memory costs.
 */
import { inSegments, optionalPasses, peakBytes } from "../../dist/index.js";
import { dataOf, weightsOf } from "../data.mjs";
import { describeMachine, load } from "../machine.mjs";
import { clock, spread, takeTurns } from "../measure.mjs";
import { compiled, prepareOurs } from "../ours.mjs";
import { rows } from "../rows.mjs";

const chosen = ["W3", "W4", "W7"];

export async function measure({ rounds, wanted }) {
  const before = load();
  const results = [];
  for (const row of rows.filter(({ name }) => (wanted.length > 0 ? wanted : chosen).includes(name)))
    results.push({ name: row.name, work: row.work, unit: row.unit, variants: await variantsOf(row, rounds) });
  return { ...describeMachine(), load: [before, load()], clock, rounds, rows: results };
}

async function variantsOf(row, rounds) {
  const variants = [];
  // One thread shares nothing.
  const passes = optionalPasses().filter((pass) => pass !== "share");
  const changes = [
    { without: null, recompute: "none" },
    ...passes.map((without) => ({ without, recompute: "none" })),
    ...["gates", "segments"].map((recompute) => ({ without: null, recompute })),
  ];
  for (const { without, recompute } of changes) {
    const module = await compiled(row.program, { without: without === null ? [] : [without], recompute });
    const { metadata, gzipped } = module;
    const peak = metadata.memory.training ?? metadata.memory.inference;
    const { time } = await prepareOurs(row, module, dataOf(row), weightsOf(metadata.parameters));
    variants.push({
      without,
      recompute,
      gzipped,
      memory: peakBytes(peak, inSegments(metadata, row)),
      time,
    });
  }
  const times = await takeTurns(variants, rounds);
  const [all] = times.map(spread);
  return variants.map(({ without, recompute, gzipped, memory }, k) => {
    const measured = spread(times[k]);
    return { without, recompute, gzipped, memory, ...measured, ratio: measured.median / all.median };
  });
}
