/** A library called wrongly says how it is called: an `RnncError`, never a bare `TypeError`. */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { compile } from "../../src/compile/compile.ts";
import { load, RnncError, type Model } from "../../src/runtime/index.ts";
import { characterModel, loadTrained, taggingModel } from "./models.ts";

/** As a caller without types. */
const untyped = (call: unknown) => call as (...args: readonly unknown[]) => unknown;

async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

async function refused(call: () => unknown, message: string): Promise<void> {
  const error = await errorOf(call);
  expect(error).toBeInstanceOf(RnncError);
  expect((error as RnncError).message).toContain(message);
}

const source = "input x : f32[T, 3]\nx >> gru(2)\n";

describe("compile and check", () => {
  test.each([compile, check].map(untyped))("%o", async (call) => {
    await refused(() => call(), "the source of a program is a text, and this is undefined");
    await refused(() => call({ source }), "this is an object");
    await refused(() => call(source, { dims: {} }), "the second argument is the name of the program's file");
  });

  test.each([compile, check].map(untyped))("misspelt options: %o", async (call) => {
    const given = (options: unknown) => () => call(source, "model.rnn", options);
    await refused(given({ trget: "tfjs" }), "`compile` has no option `trget`: is `target` meant?");
    await refused(given({ max_memory: 1e6 }), "is `maxMemory` meant?");
    await refused(given({ colour: 1 }), "no option `colour`; it takes `target`, `dims`");
    await refused(given({ target: "tjfs" }), '`target` of `compile` is `wasm` or `tfjs`, and this is "tjfs"');
    await refused(given("tfjs"), 'the third argument is an object of options, and this is "tfjs"');
    await refused(given(null), "the third argument is an object of options, and this is null");
    expect(await errorOf(given({ target: undefined, dims: {} }))).not.toBeInstanceOf(Error);
  });

  test("a file need not be named", async () => {
    const { metadata, diagnostics } = await compile(source);
    expect(diagnostics).toEqual([]);
    expect(metadata?.name).toBe("model");
  });
});

test("load", async () => {
  await refused(() => untyped(load)(), "`metadata` is missing");
  await refused(() => untyped(load)({ metadata: {} }), "`wasm` is missing");
  await refused(
    async () => untyped(load)(await compile("input x : f32[T, 3]\nx >> gro(2)\n")),
    "diagnostics",
  );
});

describe("a model", () => {
  test.each([undefined, null, 3, "abc", [[1, 2]]])("given %j", async (given) => {
    const model: Model = await loadTrained(await taggingModel());
    await refused(() => untyped(model.predict)(given), "data are given by name, { audio: … }");
    await refused(() => untyped(model.trainer().step)(given), "data are given by name");
    await refused(() => untyped(model.trainer().evaluate)(given), "data are given by name");
  });

  test("streams and weights", async () => {
    const model = await loadTrained(await characterModel());
    for (const given of [undefined, null]) await refused(() => untyped(model.stream().step)(given), "`text`");
    for (const given of [undefined, null, "file"])
      await refused(() => untyped(model.loadWeights)(given), "safetensors");
  });
});
