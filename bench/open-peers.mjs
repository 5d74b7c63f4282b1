/** Loads the peers that are wanted, after installing them if need be; one that cannot be loaded is left out with the reason. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** `names`: null for all. */
export async function openPeers(names) {
  if (names?.length === 0) return [];
  if (!existsSync(`${folder}node_modules`)) {
    console.error("Installing the peers into bench/node_modules (0.8 GB; `--peers none` does without) …");
    execFileSync("npm", ["ci"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  }
  const { peers } = await import("./peers/index.mjs");
  const chosen = peers.filter(({ name }) => names === null || names.includes(name));
  const opened = [];
  for (const { name, title, open } of chosen) {
    try {
      opened.push({ name, title, ...(await open()) });
    } catch (error) {
      opened.push({ name, title, failure: String(error.message ?? error).split("\n")[0] });
    }
  }
  return opened;
}
