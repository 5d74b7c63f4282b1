/**
 * What a model that makes choices, or whose labels paths spell, needs besides what every model on a device has. Choices are
 * made one after another, and on a device each would wait for the one before to come back: so the WASM module on the host
 * makes them, with the device's weights, and its answers are those of the WASM target. It is handed to a model, so that
 * packages of models without choices do not carry it.
 */
import { bounded } from "../bounded.ts";
import { choiceData } from "../choice-data.ts";
import { chooses } from "../generate.ts";
import { openMachine } from "../machine.ts";
import type { Metadata } from "../metadata.ts";
import { type Model, openModel } from "../model.ts";
import { startModule } from "../module.ts";
import { candidatesOf } from "../risk.ts";
import { searches } from "../searches.ts";
import { findLabels, readSpelled, spellingOf } from "../spellings.ts";
import { writeFlat } from "../weights.ts";
import type { HostModuleInfo } from "./program.ts";

/** The WASM target's module of a program, and where the metadata's buffers lie in it. */
export interface HostParts {
  readonly metadata: Metadata;
  readonly module: WebAssembly.Module;
  readonly places: HostModuleInfo["places"];
}

/** As the module's own package has it. */
export function hostMetadata({ metadata, places }: HostParts): Metadata {
  const buffers = Object.entries(metadata.buffers).map(
    ([name, buffer]) => [name, { ...buffer, ...places[name] }] as const,
  );
  return { ...metadata, buffers: Object.fromEntries(buffers) };
}

/** The same model on the host, without weights yet. */
const openTwin = (parts: HostParts): Promise<Model> =>
  openModel({ metadata: hostMetadata(parts), wasm: parts.module }, { searches });

/** Draws the candidates of minimum risk training on the host, with the weights given; null for all other models. */
async function openRisk(parts: HostParts) {
  const metadata = hostMetadata(parts);
  const machine = openMachine(metadata, await startModule(metadata, parts.module));
  return (weights: Parameters<typeof writeFlat>[1], ...of: Drawn) => {
    writeFlat(machine, weights);
    return candidatesOf(machine, ...of);
  };
}

type Drawn = Parameters<typeof candidatesOf> extends [unknown, ...infer Rest] ? Rest : never;

export const choices = {
  bounded,
  choiceData,
  chooses,
  findLabels,
  openRisk,
  openTwin,
  readSpelled,
  spellingOf,
};
export type Choices = typeof choices;
