/** What each pass is worth: rows with each pass switched off, one at a time, in turns with the whole pipeline. */
import { optionalPasses, peakBytes } from "../../dist/index.js";
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
  for (const without of [null, ...optionalPasses().filter((pass) => pass !== "share")]) {
    const module = await compiled(row.program, { without: without === null ? [] : [without] });
    const { metadata, gzipped } = module;
    const { time } = await prepareOurs(row, module, dataOf(row), weightsOf(metadata.parameters));
    variants.push({
      without,
      gzipped,
      memory: peakBytes(metadata.memory.training ?? metadata.memory.inference, row),
      time,
    });
  }
  const times = await takeTurns(variants, rounds);
  const [all] = times.map(spread);
  return variants.map(({ without, gzipped, memory }, k) => {
    const measured = spread(times[k]);
    return { without, gzipped, memory, ...measured, ratio: measured.median / all.median };
  });
}
