/**
 * The loss over two weights, all others as they are: what descent walks on. Of a recurrence over many steps it is flat
 * and then a cliff (Pascanu, Mikolov & Bengio 2013, figure 6). Computed by the module, without dropout, so a loss that
 * single precision can't hold is infinite.
 */
import { eachPlace } from "../runtime/layout.ts";
import { writeInputs, writeParameters } from "./module-memory.ts";
import type { StartingPoint } from "./starting-point.ts";

/** One element of a parameter, and where it is moved. */
export interface MovedWeight {
  readonly parameter: string;
  /** Row-major in the order of the source. */
  readonly element: number;
  readonly low: number;
  readonly high: number;
}

export interface Surface {
  /** The values of the first and of the second weight. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** `losses[j][i]` at `x[i]` and `y[j]`. */
  readonly losses: readonly (readonly number[])[];
}

/** `points` values of each weight, its ends included. */
export function lossSurface(
  { machine, environment }: StartingPoint,
  first: MovedWeight,
  second: MovedWeight,
  points = 61,
): Surface {
  writeInputs(machine, environment);
  writeParameters(machine, environment.params);
  const place = ({ parameter, element }: MovedWeight): number => {
    const places: number[] = [];
    eachPlace(
      machine.metadata.parameters.find(({ name }) => name === parameter)!,
      (at) => places.push(at),
    );
    return machine.at(machine.buffer("parameters")!) + places[element]!;
  };
  const values = ({ low, high }: MovedWeight): number[] =>
    Array.from({ length: points }, (_, k) => low + ((high - low) * k) / (points - 1));
  const loss = machine.at(machine.buffer("evaluate:loss")!);
  const [x, y] = [values(first), values(second)];
  const [xPlace, yPlace] = [place(first), place(second)];
  const lossAt = (xValue: number, yValue: number): number => {
    machine.floats()[xPlace] = xValue;
    machine.floats()[yPlace] = yValue;
    machine.run("evaluate");
    return machine.floats()[loss]!;
  };
  return { x, y, losses: y.map((b) => x.map((a) => lossAt(a, b))) };
}
