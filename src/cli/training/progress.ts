/**
 * What is seen of a training: on a terminal a bar that lives in the last line, above it a line for each epoch; elsewhere
 * plain lines, one for each epoch and now and then one in between.
 */
import { MultiBar, type Options, type Params } from "cli-progress";
import { colorsFor, formatCount, formatDuration, tell } from "../output.ts";

export interface Progress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly validation: number | null;
  /** Of `unit` each second. */
  readonly speed: number;
  readonly unit: string;
  readonly secondsLeft: number;
}

export interface Display {
  readonly update: (progress: Progress) => void;
  /** A line that stays. */
  readonly note: (line: string) => void;
  readonly close: () => void;
}

export const openDisplay = (): Display => (process.stderr.isTTY ? liveDisplay() : plainDisplay());

function describe(progress: Progress): string {
  const { loss, validation, speed, unit, secondsLeft } = progress;
  return [
    `loss ${loss.toFixed(4)}`,
    ...(validation === null ? [] : [`validation ${validation.toFixed(4)}`]),
    `${formatCount(speed)} ${unit}/s`,
    `${formatDuration(secondsLeft)} left`,
  ].join("  ");
}

function liveDisplay(): Display {
  const colors = colorsFor(process.stderr);
  const bars = new MultiBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 8,
    // Lines wider than the terminal would leave pieces of old bars behind.
    linewrap: null,
    format: (_: Options, { progress: share }: Params, { progress }: { progress?: Progress }): string => {
      if (progress === undefined) return "";
      const text = `epoch ${Math.min(progress.epoch + 1, progress.epochs)}/${progress.epochs}`;
      const tail = describe(progress);
      const room = Math.min(40, (process.stderr.columns ?? 80) - text.length - tail.length - 10);
      const filled = Math.max(0, Math.round(room * share));
      const bar =
        room < 6 ? "" : `${colors.cyan("━".repeat(filled))}${colors.dim("━".repeat(room - filled))} `;
      return `${text} ${bar}${String(Math.floor(share * 100)).padStart(3)}%  ${tail}`;
    },
  });
  const bar = bars.create(1, 0, {});
  return {
    update: (progress) => {
      bar.setTotal(progress.totalSteps);
      bar.update(progress.step, { progress });
    },
    note: (line) => {
      bars.log(`${line}\n`);
      bars.update();
    },
    close: () => bars.stop(),
  };
}

const quietSeconds = 10;

function plainDisplay(): Display {
  let last = Date.now();
  return {
    update: (progress) => {
      if (Date.now() - last < quietSeconds * 1000) return;
      last = Date.now();
      tell(`step ${progress.step}/${progress.totalSteps}  ${describe(progress)}`);
    },
    note: tell,
    close: () => undefined,
  };
}
