/**
 * From the text of W4's program to the end of its first training step, and to the first prediction of W1's: within a process
 * whose libraries are loaded, and as a whole process; the command line's `--help`; and the sizes of modules.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describeMachine, load } from "../machine.mjs";
import { spread } from "../measure.mjs";
import { compiled } from "../ours.mjs";
import { rows } from "../rows.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const lengths = [16, 64, 512, 4096];

export async function measure({ rounds }) {
  const before = load();
  const times = [];
  const add = async (name, goal, run) => {
    const list = [];
    for (let round = 0; round < rounds; round++) list.push(await run());
    times.push({ name, goal, ...spread(list) });
  };
  const whole = (args) => () => {
    const start = performance.now();
    execFileSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - start;
  };
  const first = (T) => [file("../first-step.mjs"), String(T)];
  await add("node, an empty program", null, whole(["-e", ""]));
  await add("rnnc --help, the whole process", 150, whole([file("../../dist/cli.js"), "--help"]));
  for (const T of lengths)
    await add(`W4 at T = ${T}: text to the end of the first training step, libraries loaded`, 300, () =>
      Number(execFileSync(process.execPath, first(T), { encoding: "utf8" })),
    );
  await add("W4 at T = 64: the same as a whole process", 900, whole(first(64)));
  const sizes = [];
  for (const { name, work, program, kind } of rows) {
    const { wasm, gzipped } = await compiled(program);
    sizes.push({ name, work, goal: kind === "train" ? 20_000 : 8_000, bytes: wasm.length, gzipped });
  }
  return { ...describeMachine(), load: [before, load()], clock: "clock on the wall", rounds, times, sizes };
}
