/** Cells that a user writes: a training step of each beside what its arithmetic needs, and beside the library's LSTM. */
import { dataOf, weightsOf } from "../data.mjs";
import { limit } from "../limit.mjs";
import { describeMachine, load } from "../machine.mjs";
import { clock, median, spread, takeTurns, timed } from "../measure.mjs";
import { countStep, functionCosts, functionTimers, needed } from "../need.mjs";
import { compiled, prepareOurs } from "../ours.mjs";

const B = 32;
const T = 50;

const cells = [
  { name: "the library's `lstm(256)`", cell: "", layer: "lstm(256)" },
  {
    name: "the same, written by a user",
    cell: `cell own(n) (x) {
  state c[n], h[n]
  i = sigmoid(affine(x, h[t-1]))
  f = sigmoid(affine(x, h[t-1], bias = 1))
  o = sigmoid(affine(x, h[t-1]))
  c = f * c[t-1] + i * tanh(affine(x, h[t-1]))
  h = o * tanh(c)
  return h
}`,
    layer: "own(256)",
  },
  {
    name: "an LSTM(256) with layer norm and a projection to 128",
    cell: `fn gate(x, r) { return normalise(linear(x)) + normalise(linear(r)) }
cell own(n, p) (x) {
  state c[n], r[p]
  i = sigmoid(gate(x, r[t-1]))
  f = sigmoid(gate(x, r[t-1]) + 1)
  o = sigmoid(gate(x, r[t-1]))
  c = f * c[t-1] + i * tanh(gate(x, r[t-1]))
  r = linear(o * tanh(normalise(c)))
  return r
}`,
    layer: "own(256, 128)",
  },
  {
    name: "a minimal gated unit (256)",
    cell: `cell own(n) (x) {
  state h[n]
  f = sigmoid(affine(x, h[t-1], bias = 1))
  h = (1 - f) * h[t-1] + f * tanh(affine(x, f * h[t-1]))
  return h
}`,
    layer: "own(256)",
  },
];

const programOf = ({ cell, layer }) => `input  x : f32[T, 64]
target label : token(10)
${cell}
x >> ${layer} >> last >> softmax(label)
train { optimizer adam(1e-3)  clip norm 5  batch ${B} }`;

const row = { kind: "train", B, T, input: { features: 64 }, head: { classes: 10 } };

export async function measure({ rounds }) {
  const before = load();
  const ceiling = await limit();
  const timers = await functionTimers();
  const contestants = [{ time: timed(ceiling.run) }, ...Object.values(timers)];
  for (const cell of cells) {
    const module = await compiled(programOf(cell));
    contestants.push(await prepareOurs(row, module, dataOf(row), weightsOf(module.metadata.parameters)));
  }
  const [limits, ...times] = await takeTurns(contestants, rounds);
  const names = Object.keys(timers);
  const gflops = ceiling.flop / median(limits) / 1e6;
  const costs = functionCosts(Object.fromEntries(names.map((name, k) => [name, median(times[k])])));
  const results = [];
  for (const [k, cell] of cells.entries()) {
    const counts = await countStep(programOf(cell), { B, T });
    const need = needed(counts, gflops, costs);
    const measured = spread(times[names.length + k]);
    results.push({ name: cell.name, counts, need, ...measured, ratio: measured.median / need });
  }
  return { ...describeMachine(), load: [before, load()], clock, rounds, gflops, costs, B, T, cells: results };
}
