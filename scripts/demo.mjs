/**
 * The demo: trains the character model of the examples on the Psalms for about a minute on one core, with a sample before and
 * after, through the command line as a user would. Leaves the package and the loss curve in demo/.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const rnnc = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

function run(...args) {
  console.log(`\n$ rnnc ${args.join(" ")}`);
  const { status } = spawnSync(process.execPath, [rnnc, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const program = "examples/charlm.rnn";
const data = ["--data", "examples/data/psalms.txt"];

console.log("A sample before training:");
run("train", program, ...data, "-o", "demo/untrained", "--steps", "1", "--force");
run("sample", "demo/untrained", "--length", "200", "--seed", "1");

console.log("\nTraining on the Psalms, about a minute on one core:");
run("train", program, ...data, "-o", "demo/psalms", "--epochs", "6", "--force");

console.log("\nA sample after it:");
run("sample", "demo/psalms", "--length", "400", "--seed", "1");
console.log("\nThe package, the loss curve (loss.svg) and the log lie in demo/psalms.");
