/**
 * The command line. Arguments are described here and in `commands/`; what a command needs (the compiler, Binaryen, the
 * progress bar) is imported when it runs, so that `--help` answers at once.
 *
 * Exit codes: 0 good, 1 the program or the data is wrong, 2 the command was called wrongly, 130 stopped by Ctrl-C.
 */
import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { RnncError } from "../runtime/errors.ts";
import { addBench } from "./commands/bench.ts";
import { addBuild } from "./commands/build.ts";
import { addCheck } from "./commands/check.ts";
import { addEval } from "./commands/eval.ts";
import { addExplain } from "./commands/explain.ts";
import { addFmt } from "./commands/fmt.ts";
import { addGraph } from "./commands/graph.ts";
import { addInit } from "./commands/init.ts";
import { addRun } from "./commands/run.ts";
import { addSample } from "./commands/sample.ts";
import { addTrain } from "./commands/train.ts";
import { capital, Failure, systemCode } from "./failure.ts";
import { colorsFor, tell } from "./output.ts";

export async function main(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

function program(): Command {
  const rnnc = new Command("rnnc")
    .description(
      "A compiler for recurrent networks: .rnn in, a small WebAssembly module that runs and trains out.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("Run with --help for what can be written.")
    .configureOutput({ outputError: (message, write) => write(message) })
    .exitOverride();
  for (const add of [
    addCheck,
    addBuild,
    addTrain,
    addEval,
    addRun,
    addSample,
    addGraph,
    addExplain,
    addFmt,
    addBench,
    addInit,
  ])
    add(rnnc);
  return rnnc.addHelpText(
    "after",
    "\nStart with `rnnc init demo`. `rnnc COMMAND --help` tells more of a command.",
  );
}

function report(thrown: unknown): number {
  const colors = colorsFor(process.stderr);
  // What the runtime says of data or weights, where no command knew a better place for it.
  const error = thrown instanceof RnncError ? new Failure(`${capital(thrown.message)}.`) : thrown;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Failure) {
    if (error.message !== "") tell(`${colors.bold(colors.red("error"))}${colors.bold(`: ${error.message}`)}`);
    if (error.hint !== null) tell(`  ${colors.dim("=")} ${colors.bold("hint")}: ${error.hint}`);
    return error.exitCode;
  }
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  tell(
    `${colors.bold(colors.red("fault"))}${colors.bold(": this is a mistake in rnnc, not in your program.")}`,
  );
  tell(`  ${what}`);
  if (process.env.RNNC_DEBUG === "1" && error instanceof Error) tell(error.stack ?? "");
  else tell("  Please report it with the program that caused it; RNNC_DEBUG=1 shows where it happened.");
  return 1;
}

// A reader that has seen enough, such as `head`, closes the pipe: that is no error.
process.stdout.on("error", (error) => {
  if (systemCode(error) === "EPIPE") process.exit(0);
  throw error;
});

// Not `process.exit`: what is still being written to a pipe would be lost.
process.exitCode = await main(process.argv.slice(2));
