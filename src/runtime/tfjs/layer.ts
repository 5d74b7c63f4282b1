/**
 * A model as a layer of tfjs-layers, which the app hands in: its parameters are the layer's weights, which `fit` moves and
 * `save` keeps. A mask says how long each example is.
 */
import type * as tfjsLayers from "@tensorflow/tfjs-layers";
import type { Tensor } from "@tensorflow/tfjs-core";
import { extent } from "../layout.ts";
import type { DataInfo, Metadata } from "../metadata.ts";
import type { ModelFunction, Tensors } from "./function.ts";
import type { Tfjs } from "./open.ts";
import { denseDims } from "./tensor-layout.ts";

/** `tf.layers`, or the `layers` of `@tensorflow/tfjs-layers`. */
export type Layers = typeof tfjsLayers.layers;
export type Layer = InstanceType<Layers["Layer"]>;

type Shape = readonly (number | null)[];
type OneOrMore<T> = T | readonly T[];

interface CallSettings {
  readonly training?: boolean;
  readonly mask?: OneOrMore<Tensor | null>;
}

export interface LayerOptions {
  readonly tf: Tfjs;
  readonly layers: Layers;
  readonly metadata: Metadata;
  readonly of: ModelFunction;
  /** The layer's own, unique in a LayersModel; made by tfjs if not given. */
  readonly name?: string;
}

export function makeLayer({ tf, layers, metadata, of, name }: LayerOptions): Layer {
  const outputs = metadata.outputs.filter(({ predict }) => metadata.buffers[predict ?? ""]);
  const ragged = metadata.symbols.filter((symbol) => symbol !== "B");

  /**
   * Unlike the names of kernels that of the class stays from one version of rnnc to the next, as saved models need it.
   * Without underscores, which loading would take for those of Python.
   */
  class CompiledLayer extends layers.Layer {
    static readonly className = `Rnnc-${metadata.name.replaceAll("_", "-")}-${metadata.fingerprint}`;
    private calls = 0;

    constructor(config: object = {}) {
      super(config);
      this.supportsMasking = true;
    }

    override build(): void {
      tf.tidy(() => {
        const own = of.parameters();
        for (const { name, shape } of metadata.parameters)
          this.addWeight(name, [...shape], "float32", { apply: () => own[name]! } as never);
      });
      this.built = true;
    }

    override call(
      inputs: Tensor | Tensor[],
      { training = false, mask }: CallSettings = {},
    ): Tensor | Tensor[] {
      const given = listOf(inputs);
      const found = of.apply(Object.fromEntries(of.inputs.map(({ name }, k) => [name, given[k]!])), {
        parameters: Object.fromEntries(
          metadata.parameters.map((p, k) => [p.name, this.weights[k]!.read()] as const),
        ),
        lengths: lengthsOf(mask),
        training,
        seed: training ? ++this.calls : 0,
      });
      return oneOf(outputs.map((o) => found[o.name]!));
    }

    /** As the call gives them; null where only data tell. */
    override computeOutputShape(inputShape: never): never {
      const sizes = sizesOf(metadata, of.inputs, inputShape);
      const shapes = outputs.map(({ predict, axes }) => {
        const buffer = metadata.buffers[predict!]!;
        return denseDims(buffer, axes).map((dim) => {
          const size = buffer.dims[dim]!;
          const known = size.symbol === null || typeof sizes[size.symbol] === "number";
          return known ? extent(size, sizes as Readonly<Record<string, number>>) : null;
        });
      });
      return oneOf(shapes) as never;
    }

    /** Outputs along the axis of the mask keep it. */
    override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor | Tensor[] {
      const [first = null] = mask ? listOf(mask) : [];
      const keeps = outputs.map(({ axes }) =>
        ragged.length === 1 && axes[0]?.name === ragged[0] ? first : null,
      );
      return oneOf(keeps) as Tensor;
    }
  }

  function lengthsOf(mask: CallSettings["mask"]): Tensors {
    const [first] = mask ? listOf(mask) : [];
    if (!first || ragged.length !== 1) return {};
    return { [ragged[0]!]: tf.sum(tf.cast(first, "int32"), 1) };
  }

  tf.serialization.registerClass(CompiledLayer as never);
  return new CompiledLayer(name === undefined ? {} : { name });
}

/** What the shapes of the inputs say of the symbols. */
function sizesOf(
  { buffers }: Metadata,
  inputs: readonly DataInfo[],
  given: Shape | readonly Shape[],
): Readonly<Record<string, number | null>> {
  const shapes = (Array.isArray(given[0]) ? given : [given]) as readonly Shape[];
  return Object.fromEntries(
    inputs.flatMap(({ name, axes }, k) => {
      const buffer = buffers[name]!;
      return denseDims(buffer, axes).flatMap((dim, axis) => {
        const { symbol } = buffer.dims[dim]!;
        return symbol === null ? [] : [[symbol, shapes[k]?.[axis] ?? null] as const];
      });
    }),
  );
}

const listOf = <T>(value: OneOrMore<T>): readonly T[] =>
  (Array.isArray(value) ? value : [value]) as readonly T[];

const oneOf = <T>(list: readonly T[]): T | T[] => (list.length === 1 ? list[0]! : [...list]);
