/** Calls of one model one after another, each after what was called before it has ended, well or badly. */
export type Turns = <T>(call: () => T | Promise<T>) => Promise<T>;

export function makeTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (call) => {
    const result = last.then(call);
    last = result.catch(() => {});
    return result;
  };
}
