/**
 * Times of functions that take turns, so that a busy machine disturbs them alike: of each the median over the rounds, with the
 * least and the most, in milliseconds a call.
 */
export interface Timing {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

const rounds = 7;
/** Milliseconds: how long a function runs before it counts (engines compile what is hot), and in each round. */
const warmUp = 300;
const roundLength = 60;

export function takeTurns(functions: readonly (() => unknown)[]): readonly Timing[] {
  const calls = functions.map((run) => Math.max(1, Math.ceil(roundLength / warm(run))));
  const times = functions.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    functions.forEach((run, k) => times[k]!.push(timeOf(run, calls[k]!) / calls[k]!));
  return times.map((list) => {
    const sorted = list.sort((a, b) => a - b);
    return { median: sorted[rounds >> 1]!, least: sorted[0]!, most: sorted[rounds - 1]! };
  });
}

/** Runs at least three times; gives the milliseconds of a call towards the end. */
function warm(run: () => unknown): number {
  let spent = 0;
  let calls = 1;
  timeOf(run, 2);
  for (;;) {
    const time = timeOf(run, calls);
    spent += time;
    if (spent >= warmUp) return time / calls;
    calls *= 2;
  }
}

function timeOf(run: () => unknown, calls: number): number {
  const start = performance.now();
  for (let k = 0; k < calls; k++) run();
  return performance.now() - start;
}
