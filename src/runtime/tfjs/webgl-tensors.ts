/**
 * Between the textures of a program, a number a texel in rows of lines, and tensors of tfjs, four numbers a texel: draws that
 * move each number to its place. tfjs holds integers as floats, exact up to 2²⁴.
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { fail } from "../errors.ts";
import type { Tfjs } from "./open.ts";
import type { TextureInfo } from "./program.ts";
import { vertexShader } from "./triangle.ts";

/** A texture of a program, with the lines of it that hold numbers. */
export interface Held extends TextureInfo {
  readonly texture: WebGLTexture;
  readonly lines: number;
}

export interface Exchange {
  /** Draws a tensor's elements into a texture by a framebuffer of it. */
  readonly take: (to: Held, framebuffer: WebGLFramebuffer, elements: Tensor) => void;
  /** A new tensor of a texture's elements. */
  readonly give: (from: Held) => Tensor;
  readonly dispose: () => void;
}

type DType = TextureInfo["dtype"];

/** The widest texture that elements are drawn into on their way out. */
const widest = 1024;

export function openExchange(gl: WebGL2RenderingContext, tf: Tfjs): Exchange {
  const programs = new Map<string, WebGLProgram>();
  const vertices = gl.createVertexArray();
  const onWay = gl.createFramebuffer();

  const programOf = (fragment: string): WebGLProgram => {
    const known = programs.get(fragment);
    if (known) return known;
    const made = gl.createProgram();
    for (const [kind, code] of [
      [gl.VERTEX_SHADER, vertexShader],
      [gl.FRAGMENT_SHADER, fragment],
    ] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, code);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS))
      fail(`this device refuses the shader that moves tensors: ${gl.getProgramInfoLog(made)}`);
    programs.set(fragment, made);
    return made;
  };

  /** `widths`: of the texture read and of that written. */
  const draw = (
    fragment: string,
    source: WebGLTexture,
    framebuffer: WebGLFramebuffer,
    { perRow, stride }: TextureInfo,
    widths: readonly [number, number],
    lines: number,
  ): void => {
    const program = programOf(fragment);
    gl.useProgram(program);
    gl.bindVertexArray(vertices);
    gl.uniform4i(gl.getUniformLocation(program, "rows"), ...widths, perRow, stride);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, source);
    gl.uniform1i(gl.getUniformLocation(program, "source"), 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.viewport(0, 0, widths[1], lines);
    gl.scissor(0, 0, widths[1], lines);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindVertexArray(null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  };

  return {
    take: (to, framebuffer, elements) => {
      (tf.backend() as unknown as { uploadToGPU: (id: object) => void }).uploadToGPU(elements.dataId);
      const { tensorRef, texture, texShape } = elements.dataToGPU();
      draw(intoRows(to.dtype), texture!, framebuffer, to, [texShape![1], to.width], to.lines);
      tensorRef.dispose();
    },
    give: (from) => {
      const elements = (from.lines / from.perRow) * from.stride;
      const width = Math.min(elements, widest);
      const height = Math.ceil(elements / width);
      const texture = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R32F, width, height);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
        gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
      gl.bindFramebuffer(gl.FRAMEBUFFER, onWay);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
      draw(outOfRows(from.dtype), from.texture, onWay, from, [from.width, width], height);
      const dtype = from.dtype === "f32" ? "float32" : "int32";
      const made = tf.tensor({ texture, width, height, channels: "R" }, [elements], dtype);
      // The tensor has a texture of its own.
      gl.deleteTexture(texture);
      return made;
    },
    dispose: () => {
      for (const program of programs.values()) gl.deleteProgram(program);
      gl.deleteVertexArray(vertices);
      gl.deleteFramebuffer(onWay);
    },
  };
}

/** `rows`: the width read, the width written, lines of a row, elements of a row. */
const head = (sampler: string, out: "float" | "int"): string => `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp isampler2D;
uniform ivec4 rows;
uniform ${sampler} source;
out ${out} value;
`;

/** A number of the tensor for each texel of the rows; zero between the end of one row and the next. */
const intoRows = (dtype: DType): string => `${head("sampler2D", dtype === "f32" ? "float" : "int")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int inRow = (at.y % rows.z) * rows.y + at.x;
  int texel = (at.y / rows.z * rows.w + inRow) / 4;
  vec4 four = texelFetch(source, ivec2(texel % rows.x, texel / rows.x), 0);
  float one = inRow < rows.w ? four[(at.y / rows.z * rows.w + inRow) % 4] : 0.0;
  value = ${dtype === "f32" ? "one" : "int(round(one))"};
}
`;

/** The elements of all rows one after another. */
const outOfRows = (dtype: DType): string => `${head(dtype === "f32" ? "sampler2D" : "isampler2D", "float")}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int element = at.y * rows.y + at.x;
  int inRow = element % rows.w;
  value = float(texelFetch(source, ivec2(inRow % rows.x, element / rows.w * rows.z + inRow / rows.x), 0).r);
}
`;
