/**
 * Parameters in and out of the module, by name: any tensors of the flat buffers (parameters, moments) as safetensors
 * name them. A set of tensors that does not match the model is refused whole, with everything that is wrong.
 */
import { fail, names } from "./errors.ts";
import { eachPlace } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { elements, type Tensor } from "./safetensors.ts";

/** The parameters, or what lies at their places in another flat buffer, by name. */
export function readFlat(machine: Machine, flat = "parameters", prefix = ""): [string, Tensor][] {
  const own = machine.constant(flat);
  if (own.length === 0) return [];
  return machine.metadata.parameters.map((info) => {
    const data = new Float32Array(elements(info.shape));
    let next = 0;
    eachPlace(info, (place) => void (data[next++] = own[place]!));
    return [prefix + info.name, { data, shape: info.shape }];
  });
}

export function writeFlat(
  machine: Machine,
  tensors: ReadonlyMap<string, Tensor>,
  flat = "parameters",
  prefix = "",
): void {
  const own = machine.constant(flat);
  if (own.length === 0) return;
  for (const info of machine.metadata.parameters) {
    const { data } = tensors.get(prefix + info.name)!;
    let next = 0;
    eachPlace(info, (place) => void (own[place] = data[next++]!));
  }
}

/** Fails unless the tensors are those wanted: reports those missing, left over, and of another shape. */
export function checkTensors(
  what: string,
  wanted: readonly { readonly name: string; readonly shape: readonly number[] | null }[],
  given: ReadonlyMap<string, Tensor>,
): void {
  const known = new Set(wanted.map(({ name }) => name));
  const missing = [...known].filter((name) => !given.has(name));
  const over = [...given.keys()].filter((name) => !known.has(name));
  const shapes = wanted.flatMap(({ name, shape }) => {
    const found = given.get(name)?.shape;
    if (!found || !shape || found.join() === shape.join()) return [];
    return [`\`${name}\` is [${found.join(", ")}], the model's is [${shape.join(", ")}]`];
  });
  const wrong = [
    ...(missing.length > 0 ? [`missing: ${names(missing)}`] : []),
    ...(over.length > 0 ? [`left over: ${names(over)}`] : []),
    ...shapes.slice(0, 10),
    ...(shapes.length > 10 ? [`and ${shapes.length - 10} more of another shape`] : []),
  ];
  if (wrong.length > 0)
    fail(`${what} do not match the model:\n${wrong.map((line) => `  ${line}`).join("\n")}`);
}
