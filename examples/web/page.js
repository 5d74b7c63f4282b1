/**
 * Trains one program on the target that is chosen: the packages of WASM and tfjs give the same `trainer` and `generate`, the
 * first at once, the second as promises, so `await` serves both. Weights are handed on when the target changes.
 */
import { draw } from "./curve.js";

const $ = (selector) => document.querySelector(selector);
const text = await (await fetch("psalms.txt")).text();
$("#program").textContent = await (await fetch("model.rnn")).text();

const losses = [];
let weights = null;
let running = null;

/** A model on a target, with the weights so far. */
async function open(target) {
  if (target === "wasm") return (await import("./wasm/model.js")).load({ weights });
  const { tf } = await import("./tfjs.js");
  if (!(await tf.setBackend(target))) throw new Error(`This browser has no ${target}.`);
  return (await import("./tfjs/model.js")).load(tf, { weights });
}

async function sample(model, step) {
  let written = "";
  for await (const entry of model.generate({ length: 120, seed: step, prompt: "T" })) written += entry;
  const item = document.createElement("li");
  item.innerHTML = `<small>after ${step} steps</small>\n`;
  item.append(`T${written}`);
  $("#samples").prepend(item);
}

/** Trains until `stopped`; a frame of the page between steps. */
async function train(target, state) {
  const model = await open(target);
  try {
    const trainer = model.trainer({ seed: 1 });
    while (!state.stopped) {
      for (const chunk of trainer.chunks({ text })) {
        const start = performance.now();
        const { loss } = await trainer.step(chunk);
        losses.push(loss);
        if (losses.length % 5 === 1) {
          const time = (performance.now() - start).toFixed(0);
          $("#status").textContent =
            `${target}: step ${losses.length}, loss ${loss.toFixed(3)}, ${time} ms a step`;
          draw($("#curve"), losses);
          await new Promise(requestAnimationFrame);
        }
        if (losses.length % 50 === 0) await sample(model, losses.length);
        if (state.stopped) break;
      }
    }
    weights = await model.weights();
  } finally {
    model.dispose?.();
  }
}

async function stop() {
  if (!running) return;
  running.state.stopped = true;
  await running.done;
  running = null;
}

async function start() {
  await stop();
  const target = new FormData($("form")).get("target");
  const state = { stopped: false };
  $("#status").textContent = `${target}: making ready`;
  const done = train(target, state).catch((error) => {
    $("#status").textContent = error.message;
  });
  running = { state, done };
  $("#run").textContent = "Stop";
}

$("#run").addEventListener("click", async () => {
  if (!running) return start();
  await stop();
  $("#run").textContent = "Train";
});
$("fieldset").addEventListener("change", () => running && start());
