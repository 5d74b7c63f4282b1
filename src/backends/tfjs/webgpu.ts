/** A kernel program for WebGPU: WGSL shaders, and for each entry the order in which they are dispatched. */
import type { Expression, KernelProgram, Loop, Statement } from "../../ir/kernel/types.ts";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { touches } from "../../ir/kernel/walk.ts";
import type { Dispatch, Entry, Step, WebgpuProgram } from "../../runtime/tfjs/program.ts";
import { type Shader, statementShader } from "./wgsl.ts";
import { scanShader } from "./wgsl-scan.ts";

/** Variables of loops that a shader is given, as the lanes of one vector. */
const deepest = 4;

export function emitWebgpu(program: KernelProgram): WebgpuProgram {
  if (program.plan === null) throw new CompilerBug(`${program.name} has no memory plan`);
  const shaders: { name: string; code: string }[] = [];

  const dispatch = (name: string, { code, points, each }: Shader): Step<Dispatch> => {
    let shader = shaders.findIndex((s) => s.code === code);
    if (shader < 0) shader = shaders.push({ name, code }) - 1;
    return { kind: "run", run: { shader, points: points.map((l) => l.extent), each } };
  };

  const steps = (
    body: readonly Statement[],
    time: readonly Loop[],
    guards: readonly Expression[],
  ): readonly Step<Dispatch>[] =>
    body.flatMap((s): readonly Step<Dispatch>[] => {
      switch (s.kind) {
        case "kernel":
        case "product":
          return [dispatch(s.name, statementShader(program, s, time, guards))];
        case "if":
          return steps(s.then, time, [...guards, s.condition]);
        case "loop": {
          const whole = scanShader(program, s, time, guards);
          if (whole) return [dispatch(`scan ${s.loop.variable.name}`, whole)];
          if (time.length === deepest) throw new CompilerBug(`loops are nested deeper than ${deepest}`);
          const inner = steps(s.body, [...time, s.loop], guards);
          return [{ kind: "loop", extent: s.loop.extent, reverse: s.reverse, body: inner }];
        }
        default:
          return s satisfies never;
      }
    });

  return {
    slots: program.plan.slots.map(({ size }) => size),
    entries: Object.fromEntries(
      program.entries.map(({ name, body }): [string, Entry<Dispatch>] => [
        name,
        { steps: steps(body, [], []), inputs: inputsOf(body) },
      ]),
    ),
    shaders,
  };
}

/** What the caller may have written since the last call. */
export function inputsOf(body: readonly Statement[]): readonly string[] {
  const read = body.flatMap((s) => touches(s)).filter((t) => !t.write);
  const names = read.map(({ access: { buffer } }) => buffer);
  return [...new Set(names.filter((b) => b.role === "input").map((b) => b.name))];
}
