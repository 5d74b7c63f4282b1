/**
 * A checkpoint of a training: one safetensors file with the parameters under their own names, and beside them, with
 * names that have a colon, the moments (`optimizer:m:lstm.i.Wx`), counters (`trainer:counters`) and the states of
 * chunked sequences (`state:…`). Parameters and moments are stored as the source shapes them, so a checkpoint
 * outlives a change of layout. The header holds the model's fingerprint and the trainer's position.
 */
import { fail } from "./errors.ts";
import type { Machine, States } from "./machine.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "./safetensors.ts";
import { type Plateau, startPlateau, startWaiting, type Waiting } from "./schedule.ts";
import { checkTensors, readFlat, writeFlat } from "./weights.ts";

export interface Position {
  /** Steps and epochs made. */
  readonly step: number;
  readonly epoch: number;
  readonly plateau: Plateau;
  /** The best loss so far, and how many epochs ago it was. */
  readonly waiting: Waiting;
}

export const startPosition: Position = { step: 0, epoch: 0, plateau: startPlateau, waiting: startWaiting };

const counters = "trainer:counters";

export const moments = (machine: Machine): string[] =>
  Object.keys(machine.metadata.buffers).filter((name) => name.startsWith("moment."));

const momentPrefix = (moment: string): string => `optimizer:${moment.slice("moment.".length)}:`;

export function writeCheckpoint(machine: Machine, position: Position, states: States | null): Uint8Array {
  const { metadata } = machine;
  const drawn = machine.constant("counters").slice();
  const tensors = new Map<string, Tensor>([
    ...readFlat(machine),
    ...moments(machine).flatMap((moment) => readFlat(machine, moment, momentPrefix(moment))),
    [counters, { data: drawn, shape: [drawn.length] }],
    ...Object.entries(states ?? {}),
  ]);
  return writeSafetensors({
    tensors,
    metadata: {
      kind: "checkpoint",
      model: metadata.name,
      fingerprint: metadata.fingerprint,
      compiler: metadata.version,
      position: JSON.stringify(position, (_, value: unknown) => (value === Infinity ? "Infinity" : value)),
    },
  });
}

/** Writes a checkpoint's tensors into the module, all or none. */
export function readCheckpoint(
  machine: Machine,
  file: ArrayBuffer | Uint8Array,
): { readonly position: Position; readonly states: States | null } {
  const { metadata } = machine;
  const { tensors, metadata: header } = readSafetensors(file);
  const what = `this checkpoint (of \`${header["model"] ?? "another model"}\`)`;
  if (header["kind"] !== "checkpoint" || header["position"] === undefined)
    fail("this file holds weights, but no training to go on with: load it as weights");
  const states = Object.fromEntries([...tensors].filter(([name]) => name.startsWith("state:")));
  const rest = new Map([...tensors].filter(([name]) => !name.startsWith("state:")));
  const wanted = [
    ...metadata.parameters,
    ...moments(machine).flatMap((moment) =>
      metadata.parameters.map(({ name, shape }) => ({ name: momentPrefix(moment) + name, shape })),
    ),
    { name: counters, shape: [machine.constant("counters").length] },
  ];
  // What is wrong with a parameter is wrong with its moments too: it is said once.
  const parameters = new Map([...rest].filter(([name]) => !name.includes(":")));
  checkTensors(`the parameters of ${what}`, metadata.parameters, parameters);
  checkTensors(`the tensors of ${what}`, wanted, rest);
  if (header["fingerprint"] !== metadata.fingerprint)
    fail(
      `${what} is of another model: its fingerprint is ${header["fingerprint"]}, not ${metadata.fingerprint}`,
    );
  const hasStates = Object.keys(states).length > 0;
  if (hasStates)
    checkTensors(
      `the states of ${what}`,
      metadata.states.map((name) => ({ name, shape: null })),
      new Map(Object.entries(states)),
    );
  writeFlat(machine, tensors);
  for (const moment of moments(machine)) writeFlat(machine, tensors, moment, momentPrefix(moment));
  machine.constant("counters").set(tensors.get(counters)!.data);
  return { position: parsePosition(header["position"]), states: hasStates ? states : null };
}

function parsePosition(text: string): Position {
  try {
    return JSON.parse(text, (_, value: unknown) => (value === "Infinity" ? Infinity : value)) as Position;
  } catch {
    return fail("this checkpoint's position is damaged");
  }
}
