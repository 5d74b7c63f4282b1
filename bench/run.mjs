/**
 * The benchmark. Prints Markdown; `--json FILE` leaves the figures.
 *
 *   npm run bench [-- SECTION] [--rows W1,W4] [--peers NAMES|none] [--rounds N] [--json FILE]
 *
 * Sections: `rows` (the default), `ablation`, `cells`, `products`, `startup`, `threads`.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { showAblation, showCells, showProducts, showRows, showStartup, showThreads } from "./markdown.mjs";

const sections = {
  rows: showRows,
  ablation: showAblation,
  cells: showCells,
  products: showProducts,
  startup: showStartup,
  threads: showThreads,
};

const usage = `npm run bench -- [${Object.keys(sections).join("|")}] [--rows W1,W4] [--peers NAMES|none] [--rounds N] [--json FILE]`;

function misused(message) {
  console.error(`error: ${message}\n  ${usage}`);
  process.exit(2);
}

function given() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rows: { type: "string", default: "" },
        peers: { type: "string" },
        rounds: { type: "string", default: "7" },
        json: { type: "string" },
      },
    });
  } catch (error) {
    return misused(error.message);
  }
}

const { values, positionals } = given();
const [section = "rows", ...others] = positionals;
if (!(section in sections) || others.length > 0) misused(`there is no section \`${positionals.join(" ")}\``);
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) misused("`--rounds` is a whole number of at least 1");
const names = (list) => list.split(",").filter((name) => name !== "" && name !== "none");

const { measure } = await import(`./sections/${section}.mjs`);
const result = await measure({
  rounds,
  wanted: names(values.rows),
  peers: values.peers === undefined ? null : names(values.peers),
});
console.log(sections[section](result));
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
// Some peers keep the process alive with timers and workers.
process.exit(0);
