/** What the target does to a kernel program before it writes shaders keeps what the program computes: in the interpreter. */
import { expect, test } from "vitest";
import { deviceProgram } from "../../src/backends/tfjs/device-program.ts";
import { splitRows } from "../../src/backends/tfjs/split-rows.ts";
import { assemble } from "../../src/compile/assemble.ts";
import { check } from "../../src/compile/check.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { makeMachine } from "../../src/ir/kernel/eval.ts";
import { extentSize } from "../../src/ir/kernel/layout.ts";
import type { Kernel, KernelProgram, Statement } from "../../src/ir/kernel/types.ts";
import { verifyKernels } from "../../src/ir/kernel/verify.ts";
import { random } from "../../src/ir/random.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";

const sources = {
  "a sequence of labels": `
    input x : f32[T, 5]   target y : token(9)[T]
    x >> gru(40) >> softmax(y)
    train { optimizer adam(1e-2) clip norm 1 }`,
  "normalised gates and attention": `
    input x : f32[T, 5]   target y : token(3)
    x >> lstm(6, layernorm) >> attend >> softmax(y)`,
  "words that are looked up": `
    input words : token(7)[T]   target y : token(3)
    words >> embed(4) >> dropout(0.5) >> lstm(5) >> mean >> softmax(y)`,
};

const sizes = { B: 3, T: 4 };

function programOf(source: string): KernelProgram {
  const { model } = check(source, "model.rnn", {});
  const { program } = assemble(model!, makeEntries(model!));
  return { ...compileKernels(program, { device: true }), plan: null };
}

/** Gradients, and the norm of them. */
function resultOf(program: KernelProgram): readonly (readonly number[])[] {
  const machine = makeMachine(verifyKernels(program, "the rewrite"), sizes, { strict: false });
  for (const buffer of program.buffers) {
    if (buffer.within || buffer.role === "temporary" || buffer.role === "output") continue;
    const count = buffer.dims.reduce((n, d) => n * extentSize(d, sizes), 1);
    const draw = (k: number): number => random("uniform", 1, buffer.name.length, k, 0);
    // A mean of squares is not negative.
    const low = buffer.role === "moment" ? 0 : 0.5;
    const value = buffer.name.endsWith(".length") ? () => sizes.T : (k: number) => Math.floor(3 * draw(k));
    const values = Array.from({ length: count }, (_, k) =>
      buffer.dtype === "i32" ? value(k) : draw(k) - low,
    );
    machine.write(buffer, values);
  }
  machine.run("gradients");
  machine.run("update");
  const read = (name: string): number[] => [...machine.read(program.buffers.find((b) => b.name === name)!)];
  return [read("gradients"), read("report").slice(0, 1)];
}

const kernelsOf = (statements: readonly Statement[]): readonly Kernel[] =>
  statements.flatMap((s) =>
    s.kind === "kernel"
      ? [s]
      : s.kind === "loop"
        ? kernelsOf(s.body)
        : s.kind === "if"
          ? kernelsOf(s.then)
          : [],
  );

test.each(Object.entries(sources))("%s", (_, source) => {
  const program = programOf(source);
  const device = deviceProgram(program);
  const pulled = splitRows(device);
  const wanted = resultOf(program);
  for (const rewritten of [device, pulled])
    resultOf(rewritten).forEach((values, k) =>
      values.forEach((x, i) => expect(x, `${k}[${i}]`).toBeCloseTo(wanted[k]![i]!, 12)),
    );
  const kernels = pulled.entries.flatMap((e) => kernelsOf(e.body));
  const isRow = ({ stages }: Kernel): boolean =>
    stages.some((s) => s.kind === "reduce") && stages.some((s) => s.kind === "store" && s.loops.length > 0);
  expect(kernels.filter(isRow)).toEqual([]);
  expect(device.entries.some((e) => e.name === "initialise")).toBe(false);
});

test("rows that all add to one place become a row each, and a sum", () => {
  const update = deviceProgram(programOf(sources["a sequence of labels"])).entries.find(
    (e) => e.name === "update",
  )!;
  const names = kernelsOf(update.body).map((k) => k.name);
  expect(names).toContain("norm.blocks sum");
});
