/**
 * jax-js on its WebAssembly backend. It has no loop over time, so the steps are written out one after the other before it
 * compiles them; a whole training step (gradient, clipping, Adam or SGD) is one compiled function.
 *
 * Every use of an array but the last goes by `.ref`: functions own their arguments. A lookup is a product with one-hot
 * vectors, since the gradient of `take` cannot be compiled.
 */
import { joined, transposed } from "../data.mjs";
import { timed } from "../measure.mjs";

export async function openJax() {
  const jax = await import("@jax-js/jax");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return {
    can: ({ head }) =>
      head?.name === "ctc" ? "no CTC" : head?.classes > 1000 ? "no compiled gradient of a lookup" : null,
    prepare: (row, data, weights) => prepare(jax, row, data, weights),
    close: () => {},
  };
}

async function prepare(jax, row, data, weights) {
  const { numpy: np } = jax;
  const parameters = parametersOf(np, row, weights);
  const array = (values, shape) => np.array(values, { shape });
  const x = data.frames
    ? array(data.frames, [row.B, row.T, row.input.features])
    : array(data.tokens, [row.B, row.T]);
  if (row.kind === "train")
    return training(jax, row, parameters, x, array(data.targets, [data.targets.length]));
  if (row.kind === "step") return stepping(jax, row, parameters, x);
  const forward = jax.jit((p, x) => layers(jax, row, p, x));
  const run = async () => (await forward(jax.tree.ref(parameters), x.ref)).data();
  return { time: timed(run), result: (await run()).slice() };
}

/** Maps as [inputs, gates·n], so that a step is `x @ W`. */
function parametersOf(np, { cell, recurrent, units, head, input }, weights) {
  const array = (values, shape) => np.array(values, { shape });
  const gates = { lstm: ["i", "f", "g", "o"], gru: ["r", "z", "g"] }[cell];
  const map = (prefix, part) => {
    const columns = weights.get(`${prefix}.${gates[0]}.${part}`).shape[1];
    const all = joined(
      weights,
      prefix,
      gates.map((gate) => `${gate}.${part}`),
    );
    return array(transposed(all, columns), [columns, gates.length * units]);
  };
  const layer = (prefix) => ({
    Wx: map(prefix, "Wx"),
    Wh: map(prefix, "Wh"),
    b: array(
      joined(weights, prefix, cell === "lstm" ? gates.map((g) => `${g}.b`) : ["r.b", "z.b", "g.b.1"]),
      [gates.length * units],
    ),
    ...(cell === "gru" ? { bh: array(weights.get(`${prefix}.g.b.2`).data.slice(), [units]) } : {}),
  });
  const dense = (name) => array(weights.get(name).data.slice(), weights.get(name).shape);
  return {
    layers: recurrent.map((directions) => directions.map(layer)),
    ...(input.vocabulary ? { E: dense("embed.E") } : {}),
    ...(head ? { W: dense("softmax.W").transpose(), bo: dense("softmax.b") } : {}),
  };
}

/** One step of a cell from its input's map [B, gates·n]; consumes the states, gives the new ones. */
const cells = {
  lstm: ({ nn, numpy: np }, { Wh }, z, { h, c }) => {
    const sums = np.matmul(h, Wh.ref).add(z);
    const [i, f, g, o] = np.split(sums, 4, 1);
    const next = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    return { h: nn.sigmoid(o).mul(np.tanh(next.ref)), c: next };
  },
  gru: ({ nn, numpy: np }, { Wh, bh }, z, { h }) => {
    const [zr, zz, zg] = np.split(z, 3, 1);
    const [hr, hz, hg] = np.split(np.matmul(h.ref, Wh.ref), 3, 1);
    const r = nn.sigmoid(zr.add(hr));
    const u = nn.sigmoid(zz.add(hz));
    const g = np.tanh(zg.add(r.mul(hg.add(bh.ref))));
    return { h: g.ref.add(u.mul(h.sub(g))) };
  },
};

/** x [B, T, k] to [B, T, n·directions], or to the last step's [B, n]. */
function layers(jax, row, parameters, x) {
  const { numpy: np } = jax;
  const { B, units, cell, head } = row;
  const zero = () => np.zeros([B, units]);
  const start = () => (cell === "lstm" ? { h: zero(), c: zero() } : { h: zero() });
  parameters.layers.forEach((directions, level) => {
    const outputs = directions.map((p, d) => {
      const all = np.unstack(np.matmul(x.ref, p.Wx).add(p.b), 1);
      const steps = d === 0 ? all : all.reverse();
      let state = start();
      const hs = steps.map((z) => {
        state = cells[cell](jax, p, z, state);
        return state.h.ref;
      });
      return d === 0 ? hs : hs.reverse();
    });
    x.dispose();
    x =
      head?.over === "last" && level === parameters.layers.length - 1
        ? outputs[0].at(-1)
        : np.concatenate(
            outputs.map((hs) => np.stack(hs, 1)),
            2,
          );
  });
  return x;
}

function lossOf(jax, row, parameters, x, targets) {
  const { numpy: np, nn } = jax;
  const { head, input, units } = row;
  const { E, W, bo, ...rest } = parameters;
  const h = layers(jax, row, rest, E ? np.matmul(nn.oneHot(x, input.vocabulary), E) : x);
  const logits = np.matmul(h.reshape([-1, units]), W).add(bo);
  const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, head.classes));
  return chosen.sum().mul(-1 / (row.B * (head.over === "steps" ? row.T : 1)));
}

/** Gradient, clipping by the norm over all, update; the state of the optimiser goes in and out. */
async function training(jax, row, parameters, x, targets) {
  const { numpy: np, tree } = jax;
  const { kind, rate, clip } = row.optimiser;
  const step = jax.jit((p, m, v, scale, x, targets) => {
    const [loss, gradient] = jax.valueAndGrad((p) => lossOf(jax, row, p, x, targets))(jax.tree.ref(p));
    let g = gradient;
    if (clip) {
      const norm = np.sqrt(
        tree
          .leaves(tree.ref(g))
          .map((w) => np.square(w).sum())
          .reduce((a, b) => a.add(b)),
      );
      const factor = np.minimum(np.array(clip).div(norm), 1);
      g = tree.map((w) => w.mul(factor.ref), g);
    }
    if (kind === "sgd") return { loss, p: tree.map((w, d) => w.sub(d.mul(rate)), p, g), m, v };
    const m2 = tree.map((a, d) => a.mul(0.9).add(d.mul(0.1)), m, tree.ref(g));
    const v2 = tree.map((a, d) => a.mul(0.999).add(np.square(d).mul(0.001)), v, g);
    const next = tree.map(
      (w, a, b) => w.sub(a.mul(scale.ref).div(np.sqrt(b).add(1e-8))),
      p,
      tree.ref(m2),
      tree.ref(v2),
    );
    return { loss, p: next, m: m2, v: v2 };
  });
  let p = parameters;
  let m = tree.map((w) => np.zerosLike(w), tree.ref(p));
  let v = tree.map((w) => np.zerosLike(w), tree.ref(p));
  let count = 0;
  const run = async () => {
    count++;
    const scale = np.array((rate * Math.sqrt(1 - 0.999 ** count)) / (1 - 0.9 ** count));
    const made = step(p, m, v, scale, x.ref, targets.ref);
    ({ p, m, v } = made);
    return made.loss.data();
  };
  return { time: timed(run), result: (await run()).slice() };
}

async function stepping(jax, row, parameters, x) {
  const { numpy: np } = jax;
  const [[layer]] = parameters.layers;
  const step = jax.jit((p, x, state) => {
    const z = np.matmul(x.reshape([row.B, -1]), p.Wx).add(p.b);
    return cells[row.cell](jax, p, z, state);
  });
  let state = { h: np.zeros([row.B, row.units]), c: np.zeros([row.B, row.units]) };
  const run = async () => {
    state = step(jax.tree.ref(layer), x.ref, state);
    return state.h.ref.data();
  };
  return { time: timed(run), result: (await run()).slice() };
}
