/**
 * W1–W7: ours and every peer that can do the row, given the same weights and data. What each gives in its first run must
 * agree before anything is timed; then they take turns with each other and with the limit.
 */
import { dataOf, weightsOf } from "../data.mjs";
import { limit } from "../limit.mjs";
import { describeMachine, load } from "../machine.mjs";
import { clock, median, spread, takeTurns, timed } from "../measure.mjs";
import { compiled, prepareOurs } from "../ours.mjs";
import { openPeers } from "../open-peers.mjs";
import { rows } from "../rows.mjs";

/** Largest difference of two results, relative to the larger of 1 and their size. */
const tolerance = 1e-4;

export async function measure({ rounds, wanted, peers: names }) {
  const before = load();
  const peers = await openPeers(names);
  const ceiling = await limit();
  const results = [];
  for (const row of rows.filter(({ name }) => wanted.length === 0 || wanted.includes(name)))
    results.push(await measureRow(row, { rounds, peers, ceiling }));
  for (const peer of peers) await peer.close?.();
  return {
    ...describeMachine(),
    load: [before, load()],
    clock,
    rounds,
    gflops: median(results.map((r) => r.gflops)),
    peers: peers.map(({ name, title, version, failure }) => ({ name, title, version, failure })),
    rows: results,
  };
}

async function measureRow(row, { rounds, peers, ceiling }) {
  const module = await compiled(row.program);
  const weights = weightsOf(module.metadata.parameters);
  const data = dataOf(row);
  const ours = await prepareOurs(row, module, data, weights);
  const contestants = [ours, { time: timed(ceiling.run) }];
  const standing = [];
  for (const peer of peers) {
    const made = await prepared(peer, row, data, weights, ours.result);
    standing.push({ name: peer.name, ...made.standing });
    if (made.time) contestants.push(made);
  }
  const [own, limits, ...others] = await takeTurns(contestants, rounds);
  const gflops = ceiling.flop / median(limits) / 1e6;
  const scale = row.unit === "µs" ? 1000 : 1;
  const inUnits = (times) => spread(times.map((t) => t * scale));
  const atLimit = (row.flop / gflops / 1e6) * scale;
  const result = inUnits(own);
  for (const s of standing)
    if (!s.cannot && !s.failure) {
      Object.assign(s, inUnits(others.shift()));
      s.ratio = s.median / result.median;
    }
  return {
    name: row.name,
    work: row.work,
    unit: row.unit,
    ...result,
    gflops,
    atLimit,
    ofLimit: result.median / atLimit,
    bytes: module.wasm.length,
    gzipped: module.gzipped,
    peers: standing,
  };
}

/** A peer ready for the row, or why it is not. */
async function prepared(peer, row, data, weights, wanted) {
  const cannot = peer.failure ?? peer.can(row);
  if (cannot !== null) return { standing: { cannot } };
  try {
    const { time, result } = await peer.prepare(row, data, weights);
    const difference = result && differ(result, wanted);
    return { time, standing: { difference, agrees: difference === null ? null : difference < tolerance } };
  } catch (error) {
    return { standing: { failure: String(error.message ?? error).split("\n")[0] } };
  }
}

function differ(found, wanted) {
  if (found.length !== wanted.length) return Infinity;
  let most = 0;
  for (let k = 0; k < found.length; k++)
    most = Math.max(most, Math.abs(found[k] - wanted[k]) / Math.max(1, Math.abs(wanted[k])));
  return most;
}
