/** What to say of a name that nothing defines: the nearest that is defined, or what it is in other frameworks. */
import { nearest } from "../diagnostics/nearest.ts";

const losses =
  "As the last stage `softmax(y)` has its loss with it: `x >> softmax(y)`. In `minimize`, `ce(p, y)` is the loss of probabilities.";
const binary =
  "As the last stage `sigmoid(y)` has its loss with it: `x >> sigmoid(y)`. In `minimize`, `bce(p, y)` is the loss of probabilities.";
const recurrent = "The simple recurrent network is `elman(64)`; there are `lstm(64)` and `gru(64)` too.";
const bidirectional = "Both directions are a modifier: `lstm(64) >> bidir`.";
const pooling =
  "Over a whole sequence `max` and `mean` are stages; `pool(2)` takes the maximum of each window.";
const squares =
  "As the last stage `regress(y)` has its loss with it; in `minimize`, `mse(x, y)` is a function.";

/** In lower case, without underscores. */
const familiar: Readonly<Record<string, string>> = {
  crossentropy: losses,
  crossentropyloss: losses,
  categoricalcrossentropy: losses,
  logsoftmax: losses,
  binarycrossentropy: binary,
  bcewithlogits: binary,
  l2loss: squares,
  meansquarederror: squares,
  rnn: recurrent,
  simplernn: recurrent,
  bilstm: bidirectional,
  bigru: bidirectional,
  birnn: bidirectional,
  maxpool: pooling,
  avgpool: pooling,
  avg: pooling,
  matmul: "A product with a matrix is written `W @ x`.",
  linearlayer: "A learned affine map is the stage `dense(64)`.",
  fullyconnected: "A learned affine map is the stage `dense(64)`.",
  batchnorm: "`normalise` is the normalisation of one vector, as in `layernorm`.",
  layernorm: "`normalise` is the stage; `lstm(64, layernorm)` normalises within the cell.",
};

const isWeight = (name: string): boolean => /^(?:[WUV][\p{L}\p{N}_']*|b|b_[\p{L}\p{N}_']*|bias)$/u.test(name);

/** A way out of `unknown-name`; empty where there is none to tell. */
export function wayFromUnknown(name: string, known: Iterable<string>): string {
  const elsewhere = name.toLowerCase().replaceAll("_", "");
  if (Object.hasOwn(familiar, elsewhere)) return familiar[elsewhere]!;
  const near = nearest(name, known);
  if (near !== null) return `Did you mean \`${near}\`?`;
  return isWeight(name)
    ? `Weights are declared with their sizes, such as \`param ${name}[${/^[WUV]/u.test(name) ? "8, 3" : "8"}]\`. \`affine(x, h[t-1])\` has weights and a bias of its own.`
    : "";
}
