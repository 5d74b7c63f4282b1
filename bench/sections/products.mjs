/**
 * Products at the sizes of recurrent networks, against what binds them: the arithmetic, or, of one row, which reads each weight
 * once, the bandwidth of the cache that the weights lie in.
 */
import { productMaker } from "../kernels.mjs";
import { bandwidth, limit } from "../limit.mjs";
import { describeMachine, load } from "../machine.mjs";
import { clock, median, takeTurns, timed } from "../measure.mjs";

const sizes = [
  [64, 256],
  [128, 512],
  [256, 768],
  [256, 1024],
  [512, 2048],
];
const kinds = [
  { form: "AB", rows: [1, 4, 16, 32] },
  { form: "AtB", rows: [16, 32, 2048] },
];

export async function measure({ rounds }) {
  const before = load();
  const make = await productMaker();
  const ceiling = await limit();
  const results = [];
  for (const [K, N] of sizes) {
    const reading = await bandwidth(4 * K * N);
    const shapes = kinds.flatMap(({ form, rows }) => rows.map((R) => ({ form, R, K, N })));
    const products = shapes.map(make);
    const contestants = [ceiling, reading, ...products].map(({ run }) => ({ time: timed(run) }));
    const [limits, readings, ...times] = await takeTurns(contestants, rounds);
    const gflops = ceiling.flop / median(limits) / 1e6;
    const gigabytes = reading.bytes / median(readings) / 1e6;
    shapes.forEach((shape, k) => {
      const reached = products[k].flop / median(times[k]) / 1e6;
      // Each weight of 4 bytes takes part in one multiplication and addition a row.
      const bound = shape.form === "AB" ? Math.min(gflops, (gigabytes / 2) * shape.R) : gflops;
      results.push({ ...shape, gflops: reached, bound, share: reached / bound, gigabytes });
    });
  }
  return { ...describeMachine(), load: [before, load()], clock, rounds, results };
}
