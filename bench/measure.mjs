/**
 * Timing: contestants take turns, round after round, so that a busy machine disturbs them alike; what counts is the median of
 * the rounds, shown with the least and the most. The clock is the processor time of the process (all its threads), which on
 * an idle machine is what a clock on the wall shows and on a busy one leaves out the waiting.
 */

export const clock = "processor's clock";

/** Milliseconds. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * A contestant's `time(calls)` runs it that often and gives (a promise of) milliseconds. Made from a function that
 * runs it once; if that gives a promise, each is awaited before the next.
 */
export const timed = (run) => timedBy(processorTime, run);

/** For what several threads do at once: only on an idle machine. */
export const timedOnWall = (run) => timedBy(() => performance.now(), run);

function timedBy(now, run) {
  return async (calls) => {
    const start = now();
    const first = run();
    if (first instanceof Promise) {
      await first;
      for (let k = 1; k < calls; k++) await run();
    } else for (let k = 1; k < calls; k++) run();
    return now() - start;
  };
}

/** A round of a contestant lasts about this long, in milliseconds, so that one interruption does not decide it. */
const roundLength = 60;
const warmUp = { calls: 3, milliseconds: 400 };

/** Milliseconds a call in each round, contestant by contestant. */
export async function takeTurns(contestants, rounds) {
  const calls = [];
  for (const { time } of contestants) calls.push(await callsOfRound(time));
  const times = contestants.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [k, { time }] of contestants.entries()) times[k].push((await time(calls[k])) / calls[k]);
  return times;
}

/** Runs until engines have compiled what is hot; then how many calls fill a round. */
async function callsOfRound(time) {
  let spent = 0;
  let calls = 0;
  for (let some = 1; calls < warmUp.calls || spent < warmUp.milliseconds; some *= 2) {
    if (spent > 3000) break;
    spent += await time(some);
    calls += some;
  }
  const each = (await time(1 + Math.floor(calls / 8))) / (1 + Math.floor(calls / 8));
  return Math.max(1, Math.ceil(roundLength / each));
}

const sorted = (list) => [...list].sort((a, b) => a - b);

export function median(list) {
  const order = sorted(list);
  const half = order.length >> 1;
  return order.length % 2 === 1 ? order[half] : (order[half - 1] + order[half]) / 2;
}

export const spread = (list) => ({ median: median(list), least: Math.min(...list), most: Math.max(...list) });
