/** Results as Markdown. The same functions print after a run and fill the README and docs/benchmarks.md. */

const cells = (list) => `| ${list.join(" | ")} |`;

export function table(head, rows) {
  return [cells(head), cells(head.map((_, k) => (k === 0 ? "---" : "---:"))), ...rows.map(cells)].join("\n");
}

/** Three digits that count. */
export const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

export const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;

/** Where, when and how: one sentence. */
export function circumstances({ node, machine, date, load, rounds, clock, gflops }) {
  const parts = [
    `Node ${node}`,
    machine,
    "one thread",
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

/** What the rows are, and what the table of times leaves unsaid. */
export function rowsNotes({ rows, peers }) {
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

export const peerVersions = ({ peers }) =>
  peers
    .filter(({ version }) => version)
    .map(({ name, version }) => `${name} ${version}`)
    .join(", ");
