/** PyTorch in a child process: see pytorch.py. It waits for its turns, so it disturbs nobody's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { joined } from "../data.mjs";

/** Debian's own interpreter: others on the path have not its packages. */
const python = "/usr/bin/python3";

export async function openPyTorch() {
  const child = spawn(python, [fileURLToPath(new URL("pytorch.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, OMP_NUM_THREADS: "1" },
  });
  let complaint = "";
  child.stderr.on("data", (text) => (complaint += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(complaint.trim().split("\n").at(-1) || "python3 ended");
    return JSON.parse(value);
  };
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return answer();
  };
  child.on("error", (error) => (complaint = error.message));
  const { version } = await answer();
  return {
    version,
    can: () => null,
    prepare: async (row, data, weights) => {
      const encoded = Object.fromEntries(
        Object.entries(data).flatMap(([k, v]) => (v ? [[k, base64(v)]] : [])),
      );
      const { result } = await ask({ prepare: row, data: encoded, weights: named(row, weights) });
      const bytes = Buffer.from(result, "base64");
      return {
        time: async (calls) => (await ask({ row: row.name, time: calls })).milliseconds,
        result: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      };
    },
    close: async () => {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

const base64 = ({ buffer, byteOffset, byteLength }) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");

/** Our weights by PyTorch's names. */
function named({ cell, recurrent, head, input }, weights) {
  const found = {};
  const put = (name, values) => (found[name] = base64(values));
  recurrent.forEach((directions, layer) =>
    directions.forEach((prefix, direction) => {
      const ending = `l${layer}${direction === 1 ? "_reverse" : ""}`;
      const all = (part) => gates[cell].map((gate) => `${gate}.${part}`);
      put(`rnn.weight_ih_${ending}`, joined(weights, prefix, all("Wx")));
      put(`rnn.weight_hh_${ending}`, joined(weights, prefix, all("Wh")));
      if (cell === "lstm") return void put(`rnn.bias_ih_${ending}`, joined(weights, prefix, all("b")));
      // The candidate's two biases are two in both; the gates' one is the input's.
      const second = weights.get(`${prefix}.g.b.2`).data;
      put(`rnn.bias_ih_${ending}`, joined(weights, prefix, ["r.b", "z.b", "g.b.1"]));
      put(
        `rnn.bias_hh_${ending}`,
        Float32Array.of(...second.map(() => 0), ...second.map(() => 0), ...second),
      );
    }),
  );
  if (input.vocabulary) put("embed.weight", weights.get("embed.E").data);
  if (head) {
    put("head.weight", weights.get(`${head.name}.W`).data);
    put("head.bias", weights.get(`${head.name}.b`).data);
  }
  return found;
}

const gates = { lstm: ["i", "f", "g", "o"], gru: ["r", "z", "g"] };
