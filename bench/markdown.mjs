/** Results as Markdown. The same functions print after a run and fill the README and docs/benchmarks.md. */

const cells = (list) => `| ${list.join(" | ")} |`;

function table(head, rows) {
  return [cells(head), cells(head.map((_, k) => (k === 0 ? "---" : "---:"))), ...rows.map(cells)].join("\n");
}

/** Three digits that count. */
const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;

/** Where, when and how: one sentence. */
export function circumstances({ node, machine, date, load, rounds, clock, gflops }) {
  const parts = [
    `Node ${node}`,
    machine,
    ...(clock.includes("wall") ? [] : ["one thread"]),
    date,
    `medians of ${rounds} rounds by the ${clock}`,
    `load of the machine ${load.join("–")}`,
    ...(gflops ? [`limit ${gflops.toFixed(1)} GFLOP/s`] : []),
  ];
  return `${parts.join(", ")}.`;
}

const withSpread = ({ median, least, most, unit }) =>
  `${digits(median)} ${unit ?? ""} (${digits(least)}–${digits(most)})`.replace(" (", unit ? " (" : "(");

/** W1–W7 beside the peers: each peer's time, and how many times ours it is. */
export function rowsTable({ rows, peers }) {
  const present = peers.filter(({ failure }) => !failure);
  return table(
    ["row", "ours (least–most)", "× limit", ...present.map(({ title }) => title)],
    rows.map((row) => {
      const other = ({ name }) => {
        const found = row.peers.find((p) => p.name === name);
        if (found.failure) return "fails";
        return found.cannot ? "–" : `${digits(found.median)} (${digits(found.ratio)}×)`;
      };
      return [row.name, withSpread(row), digits(row.ofLimit), ...present.map(other)];
    }),
  );
}

export const showRows = (result) =>
  [circumstances(result), rowsTable(result), rowsNotes(result), `Peers: ${peerVersions(result)}.`].join(
    "\n\n",
  );

/** What the rows are, and what the table of times leaves unsaid. */
function rowsNotes({ rows, peers }) {
  const failures = rows.flatMap((row) =>
    row.peers.filter((p) => p.failure).map((p) => `- ${row.name}, ${p.name}: ${p.failure}`),
  );
  const different = rows.flatMap((row) =>
    row.peers
      .filter((p) => p.agrees === false)
      .map((p) => `- ${row.name}, ${p.name}: differs by ${p.difference}`),
  );
  return [
    ...rows.map(({ name, work }) => `- ${name}: ${work}`),
    ...peers
      .filter(({ failure }) => failure)
      .map(({ title, failure }) => `- ${title} could not be loaded: ${failure}`),
    ...failures,
    ...different,
  ].join("\n");
}

const peerVersions = ({ peers }) =>
  peers
    .filter(({ version }) => version)
    .map(({ name, version }) => `${name} ${version}`)
    .join(", ");

/** Each pass left out: time, memory and size of the module, relative to the whole pipeline. */
export function showAblation(result) {
  const [first] = result.rows;
  const body = first.variants.map(({ without, recompute = "none" }, k) => [
    recompute === "none" ? (without ?? "nothing") : `nothing, recomputing ${recompute}`,
    ...result.rows.flatMap(({ variants, unit }) => {
      const { median, ratio, memory, gzipped } = variants[k];
      return [
        `${digits(median)} ${unit} (${ratio.toFixed(2)}×)`,
        `${(memory / 1e6).toFixed(1)} MB`,
        kilobytes(gzipped),
      ];
    }),
  ]);
  const head = ["without", ...result.rows.flatMap(({ name }) => [name, "memory", "gzipped"])];
  return [circumstances(result), table(head, body)].join("\n\n");
}

/** Cells of a user's own, beside what their arithmetic needs. */
export function showCells(result) {
  const body = result.cells.map(({ name, counts, need, ratio, ...time }) => [
    name,
    withSpread({ ...time, unit: "ms" }),
    `${digits(need)} ms`,
    `${ratio.toFixed(2)}×`,
    `${digits((100 * counts.products) / (counts.products + counts.operations))} %`,
  ]);
  const costs = Object.entries(result.costs).map(([name, ms]) => `${name} ${digits(ms * 1e6)}`);
  return [
    circumstances(result),
    `A training step with Adam, T = ${result.T}, batch ${result.B}, 64 features. Nanoseconds a call: ${costs.join(", ")}.`,
    table(["cell", "a step (least–most)", "its arithmetic needs", "ratio", "of it in products"], body),
  ].join("\n\n");
}

export function showProducts(result) {
  const of = ({ form, R }) => `${form === "AB" ? "AB" : "AᵀB"}, ${R} ${R === 1 ? "row" : "rows"}`;
  // Each size has the same forms and rows.
  const sizes = [...new Set(result.results.map(({ K, N }) => `${K} × ${N}`))];
  const columns = result.results.filter(({ K, N }) => `${K} × ${N}` === sizes[0]);
  const body = sizes.map((size) => [
    size,
    ...columns.map(({ form, R }) => {
      const found = result.results.find((r) => r.form === form && r.R === R && `${r.K} × ${r.N}` === size);
      return `${digits(found.gflops)} (${Math.round(100 * found.share)} %)`;
    }),
  ]);
  return [
    circumstances(result),
    "GFLOP/s, and the share of what binds: the arithmetic, or of few rows the reading of the weights.",
    table(["K × N", ...columns.map(of)], body),
  ].join("\n\n");
}

/** How many times as fast several threads are as the module that is built for one. */
export function showThreads(result) {
  const [first] = result.rows;
  const names = first.variants.map(({ threads }) =>
    threads === null ? "built for one" : `${threads} ${threads === 1 ? "thread" : "threads"}`,
  );
  const body = result.rows.map(({ name, unit, variants }) => [
    name,
    ...variants.map(({ threads, ratio, ...time }) =>
      threads === null
        ? withSpread({ ...time, unit })
        : `${withSpread({ ...time, unit })}: ${ratio.toFixed(2)}×`,
    ),
  ]);
  return [circumstances(result), table(["row", ...names], body)].join("\n\n");
}

export function showStartup(result) {
  const times = result.times.map(({ name, goal, median, least, most }) => [
    name,
    `${digits(median)} ms (${digits(least)}–${digits(most)})`,
    goal === null ? "" : `${goal} ms`,
  ]);
  const sizes = result.sizes.map(({ name, bytes, gzipped, goal }) => [
    name,
    kilobytes(bytes),
    kilobytes(gzipped),
    kilobytes(goal),
  ]);
  return [
    circumstances(result),
    table(["what", "time", "goal"], times),
    table(["module", "bytes", "gzipped", "goal"], sizes),
  ].join("\n\n");
}
