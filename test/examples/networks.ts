/** The networks of examples/ in plain loops: what each makes of the vectors that flow into its recurrent layer. */
import {
  clockwork,
  deepTransition,
  indrnn,
  irnn,
  jordan,
  keyTerms,
  layernormLstm,
  linearMemory,
  mgu,
  minGru,
  mut1,
  projectedLstm,
  rhn,
  scrn,
  skipConnections,
  zoneoutLstm,
} from "./cells.ts";
import { both, elman, gru, lstm, type Network } from "./recurrent.ts";
import { multiHead } from "./heads.ts";
import { affine, sigmoid, tanh, unrollBack } from "./reference.ts";

const chain =
  (...all: readonly Network[]): Network =>
  (w, xs) =>
    all.reduce((values, network) => network(w, values), xs);

const dense: Network = (w, xs) => xs.map((x) => tanh(affine(w, "dense", { x })));

const last =
  (network: Network): Network =>
  (w, xs) =>
    network(w, xs).slice(-1);

/** What each example has between its inputs and its output layer; jordan's output layer is within. */
export const networks: Readonly<Record<string, Network>> = {
  "feed-forward-slots": (w, xs) => xs.map((x) => sigmoid(affine(w, "dense", { x }))),
  elman: elman("elman"),
  jordan,
  deep: chain(elman("elman.1"), elman("elman.2"), elman("elman.3")),
  bidirectional: both(elman("forward.elman"), elman("backward.elman", tanh, unrollBack)),
  "deep-transition": deepTransition,
  "deep-output": chain(elman("elman"), dense),
  "skip-connections": skipConnections,
  lstm: lstm("lstm"),
  "lstm-peephole": lstm("lstm", { peephole: true }),
  "lstm-coupled": lstm("lstm", { coupled: true }),
  "lstm-1997": last(lstm("lstm", { remember: true })),
  gru: gru("gru", "before"),
  "gru-simple": gru("gru", "simple"),
  "gru-reset-after": gru("gru", "after"),
  "linear-memory": last(linearMemory),
  scrn,
  clockwork,
  irnn: last(irnn),
  "mnist-rows": last(lstm("lstm")),
  "adding-elman": last(elman("elman")),
  "adding-lstm": last(lstm("lstm")),
  sigmoid: last(elman("elman", sigmoid)),
  "layernorm-lstm": layernormLstm,
  "zoneout-lstm": zoneoutLstm,
  "projected-lstm": projectedLstm,
  indrnn: last(chain(indrnn("indrnn.1"), indrnn("indrnn.2"))),
  mgu,
  rhn,
  mut1,
  "min-gru": minGru,
  sentiment: last(gru("gru", "after")),
  "key-terms": keyTerms,
  "slot-filling": both(lstm("forward.lstm"), lstm("backward.lstm", { run: unrollBack })),
  "named-entities": chain(both(gru("forward.gru", "after"), gru("backward.gru", "after", unrollBack)), dense),
  "language-model-words": lstm("lstm"),
  charlm: lstm("lstm"),
  tagger: both(
    lstm("forward.lstm", { peephole: true }),
    lstm("backward.lstm", { peephole: true, run: unrollBack }),
  ),
  dropout: lstm("lstm"),
  "multi-head": chain(gru("gru", "after"), multiHead),
};
