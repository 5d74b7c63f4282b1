/** The TypeScript types of a model's data, and what their doc comments say of shapes. */
import { dimsOf } from "../../runtime/layout.ts";
import type { DataInfo, Metadata, OutputInfo } from "../../runtime/metadata.ts";

type Shaped = Pick<DataInfo, "axes" | "feature" | "vocabulary"> & { readonly base?: DataInfo["base"] };

const hasWords = (info: Shaped, metadata: Metadata): boolean =>
  info.vocabulary !== null && metadata.vocabularies[info.vocabulary.of] !== undefined;

const rankOf = ({ axes, feature }: Shaped): number => axes.length + (feature === null ? 0 : 1);

/** One example, and a list of them, as `predict` takes them. */
export function dataTypes(
  info: DataInfo,
  metadata: Metadata,
): { readonly one: string; readonly many: string } {
  const rank = rankOf(info);
  const one = exampleType(info, rank, metadata);
  if (rank === 0)
    return {
      one,
      many: info.base === "f32" ? "ArrayLike<number> | Tensor" : `readonly (${one})[] | ArrayLike<number>`,
    };
  return { one: `${one} | Tensor`, many: `readonly (${one} | Tensor)[] | Tensor` };
}

/** One step of an input: without its sequences. */
export function stepType(info: DataInfo, metadata: Metadata): string {
  const axes = info.axes.filter((axis) => axis.size !== null);
  const rank = rankOf({ ...info, axes });
  const one = exampleType({ ...info, axes }, rank, metadata);
  return rank === 0 ? one : `${one} | Tensor`;
}

function exampleType(info: DataInfo, rank: number, metadata: Metadata): string {
  const word = hasWords(info, metadata) ? "number | string" : "number";
  if (rank === 0) return info.base === "f32" ? "number" : word;
  let type = "ArrayLike<number>";
  if (hasWords(info, metadata)) {
    // A text is a sequence of characters, and by itself one of words.
    if (info.base === "char") type = "string | ArrayLike<number>";
    else
      type =
        rank === 1
          ? "string | ArrayLike<number> | readonly (number | string)[]"
          : "ArrayLike<number | string>";
  }
  for (let k = 1; k < rank; k++) type = `readonly (${type})[]`;
  return type.replace(/\((ArrayLike<[^<>]*>)\)/gu, "$1");
}

/** An output with the axes that its results have, in their order: those of its buffer. */
export function shapedOutput(output: OutputInfo, metadata: Metadata): OutputInfo {
  const buffer = metadata.buffers[output.predict ?? ""];
  if (!buffer) return output;
  const axes = dimsOf(buffer, output.axes).map((dim) => {
    const { axis, symbol, plus } = buffer.dims[dim]!;
    return { name: axis, size: symbol === null ? plus : null };
  });
  return { ...output, axes: output.feature === null ? axes : axes.slice(0, -1) };
}

export function outputType(output: OutputInfo, metadata: Metadata): string {
  const rank = rankOf(output);
  const labels = output.meaning === "labels";
  const features = output.feature === null ? [] : [label("features", output.feature)];
  const shape = [...output.axes.map(({ name, size }) => label(name, size)), ...features];
  const data = labels ? "Int32Array" : "Float32Array";
  const type = `Result<${data}, [${shape.join(", ")}], ${nested("number", rank)}>`;
  if (output.meaning === "value") return type;
  const word = hasWords(output, metadata) ? "string" : "number";
  return `${type} & Labelled<${nested(word, labels ? rank : rank - 1)}>`;
}

/** Of what the model chooses by itself. */
export function answerType(output: OutputInfo, metadata: Metadata): string {
  const word = hasWords(output, metadata) ? "string" : "number";
  const rank = output.axes.length;
  const shape = output.axes.map(({ name, size }) => label(name, size));
  return `Decoded<${nested(word, rank)}, [${shape.join(", ")}], ${nested("number", rank)}>`;
}

/** Members of a labelled tuple; a name that is no identifier of TypeScript is left out with all others. */
const label = (name: string, size: number | null): string =>
  `${/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : "axis"}: ${size ?? "number"}`;

const nested = (leaf: string, rank: number): string => leaf + "[]".repeat(Math.max(0, rank));

/** As in the source: `f32[T, 39]`, and what its entries are. */
export function elementDoc(
  info: Shaped & { readonly meaning?: OutputInfo["meaning"]; readonly target?: string | null },
): string {
  const axes = info.axes.map(({ name, size }) =>
    size === null || !name ? `${size ?? name}` : `${name}: ${size}`,
  );
  if (info.feature !== null) axes.push(String(info.feature));
  const shape = axes.length > 0 ? `[${axes.join(", ")}]` : "";
  if (info.meaning !== undefined)
    return `\`${shape || "one number"}\`${meaningDoc(info.meaning, info.target ?? null)}.`;
  const { vocabulary } = info;
  const size = vocabulary?.fixed ? `(${vocabulary.size})` : "";
  const ids = vocabulary
    ? `: ids below ${vocabulary.size}${vocabulary.fixed ? "" : ", or entries of the vocabulary"}`
    : "";
  return `\`${info.base ?? "f32"}${size}${shape}\`${ids}.`;
}

function meaningDoc(meaning: OutputInfo["meaning"], target: string | null): string {
  const of = target === null ? "" : ` of \`${target}\``;
  return meaning === "value"
    ? ""
    : meaning === "labels"
      ? `: labels${of}`
      : `: probabilities${of}, the last axis sums to 1`;
}
