/** The stages that `--emit` asks for, printed as they pass by; the others cost nothing. */
import { print as printGraph } from "../ir/graph/print.ts";
import type { Graph } from "../ir/graph/types.ts";
import { printKernels } from "../ir/kernel/print.ts";
import type { KernelProgram } from "../ir/kernel/types.ts";
import type { Program } from "../parser/ast.ts";
import type { Stage } from "../passes/pipeline.ts";

export interface Stages {
  readonly texts: ReadonlyMap<string, string>;
  readonly wants: (name: string) => boolean;
  readonly text: (name: string, text: string) => void;
  readonly ast: (program: Program) => void;
  readonly graph: (name: string, graph: Graph) => void;
  readonly pass: (entry: string, stage: Stage) => void;
  readonly kernels: (name: string, program: KernelProgram) => void;
}

/** A pass that runs more than once shows its last round; entries follow one another. */
export function makeStages(names: readonly string[]): Stages {
  const texts = new Map<string, string>();
  const byEntry = new Map<string, Map<string, string>>();
  const wants = (name: string): boolean => names.includes(name);
  const text = (name: string, value: string): void => {
    if (wants(name)) texts.set(name, value);
  };
  return {
    texts,
    wants,
    text,
    ast: (program) => {
      if (wants("ast")) texts.set("ast", `${JSON.stringify(program, null, 2)}\n`);
    },
    graph: (name, graph) => {
      if (wants(name)) texts.set(name, printGraph(graph));
    },
    pass: (entry, { pass, graph }) => {
      if (!wants(pass.name)) return;
      const entries = byEntry.get(pass.name) ?? new Map<string, string>();
      byEntry.set(pass.name, entries.set(entry, printGraph(graph)));
      texts.set(pass.name, [...entries].map(([e, printed]) => `# ${e}\n${printed}`).join("\n"));
    },
    kernels: (name, program) => {
      if (wants(name)) texts.set(name, printKernels(program));
    },
  };
}
