/** Runs the built command line as a process, in a temporary folder of its own. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cli = join(root, "dist", "cli.js");

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C is sent when this text appears on standard error. */
  readonly interruptAt?: string;
  /** Kills the process, which has no say in it. */
  readonly killedBy?: AbortSignal;
}

export function rnnc(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  if (!existsSync(cli)) execFileSync(process.execPath, [join(root, "scripts", "build.mjs")]);
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: options.cwd,
    env: { ...env, ...options.env },
    signal: options.killedBy,
    killSignal: "SIGKILL",
  });
  child.on("error", (error) => {
    if (options.killedBy?.aborted !== true) throw error;
  });
  let [out, err] = ["", ""];
  let interrupted = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    if (interrupted || options.interruptAt === undefined || !err.includes(options.interruptAt)) return;
    interrupted = true;
    child.kill("SIGINT");
  });
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

/** A new folder with these files in it. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "rnnc-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A fault of ours would show itself so; no test may see one. */
export const isFault = ({ err }: Ran): boolean => err.includes("mistake in rnnc") || /^\s+at /mu.test(err);

export const language = `input text : char[T]
text >> embed(8) >> lstm(12) >> softmax(next(text))
train { optimizer adam(1e-2)  batch 4  tbptt 8  epochs 4  validate 0.2 }
`;

export const verse = "the rain in spain stays mainly in the plain, and so it goes again and again.\n".repeat(
  8,
);

export const classifier = `input words : token[T]
target label : token
words >> embed(6) >> gru(8) >> last >> softmax(label)
train { optimizer adam(2e-2)  batch 4  epochs 12 }
`;

export const reviews = `${Array.from({ length: 24 }, (_, k) =>
  JSON.stringify({
    words: k % 2 === 0 ? `good film ${k % 5}` : `a bad film ${k % 3}`,
    label: k % 2 === 0 ? "pos" : "neg",
  }),
).join("\n")}\n`;

/** A module to be loaded first (`NODE_OPTIONS`): the disk takes files of less than 4 KB, of larger ones a part. */
export const fullDisk = `import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const original = fs.writeFileSync;
fs.writeFileSync = (file, content, ...rest) => {
  if (content.length < 4096) return original(file, content, ...rest);
  original(file, content.slice(0, 1000));
  throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
};
syncBuiltinESMExports();
`;
