/** What a call leaves in memory is never read by another: proved with NaN everywhere that has no constant place. */
import { expect, test } from "vitest";
import { dataSpecs, type Inputs, makeBatch } from "../../src/runtime/batch.ts";
import { feed } from "../../src/runtime/feed.ts";
import { span } from "../../src/runtime/layout.ts";
import { type Machine, newTenant, startMachine } from "../../src/runtime/machine.ts";
import { characters, compileModel, frames, tags } from "./models.ts";

const nan = 0x7fc00000;

/** Fills all of memory that is laid out anew for other sizes. */
function poison(machine: Machine): void {
  const constant = Object.values(machine.metadata.buffers).filter((b) =>
    b.dims.every((d) => d.symbol === null),
  );
  const end = Math.max(...constant.map((b) => machine.at(b) + span(b, {})));
  machine.integers().fill(nan, end);
}

const models: Readonly<Record<string, { readonly source: string; readonly data: Inputs }>> = {
  "a tagger in both directions": {
    source: `input audio : f32[T, 5]   target tags : token(3)[T]
             audio >> lstm(6, peephole) >> bidir >> gru(3) >> dropout(0.5) >> softmax(tags)`,
    data: { audio: [frames(4), frames(1), frames(7)], tags: [tags(4), tags(1), tags(7)] },
  },
  "a classifier": {
    source: `input audio : f32[T, 5]   target label : token(3)
             audio >> gru(6) >> mean >> dense(5, relu) >> softmax(label)`,
    data: { audio: [frames(4), frames(2)], label: [1, 2] },
  },
  "a language model": {
    source: `input text : char[T]
             text >> embed(5) >> elman(7) >> softmax(next(text))
             train { tbptt 8 }`,
    data: { text: ["abca", "c"] },
  },
};

for (const [what, { source, data }] of Object.entries(models))
  test(what, async () => {
    const { metadata, wasm } = await compileModel(source, {
      dims: { text: characters.length },
      vocabularies: { text: characters },
    });
    const of = dataSpecs(metadata);
    const run = async (dirty: boolean): Promise<unknown> => {
      const machine = await startMachine(metadata, wasm);
      machine.run("initialise");
      machine.claim(newTenant(), { B: 5, T: 31 });
      if (dirty) poison(machine);
      const batch = makeBatch(of, data, { targets: true });
      const found: unknown[] = [];
      const names = ["gradients", "predict:", "train:loss", "evaluate:loss"];
      for (const entry of ["gradients", "predict", "evaluate"] as const) {
        feed(machine, of, batch, newTenant());
        machine.run(entry);
        for (const [name, buffer] of Object.entries(metadata.buffers))
          if (names.some((n) => name.startsWith(n)) && buffer.dims.every((d) => d.symbol === null))
            found.push([
              name,
              machine.view(buffer).slice(machine.at(buffer), machine.at(buffer) + span(buffer, {})),
            ]);
      }
      return found;
    };
    const clean = await run(false);
    expect(await run(true)).toEqual(clean);
    expect(JSON.stringify(clean)).not.toContain("null");
  });
