/**
 * Runs a program in the WebGL context of tfjs. Each buffer is a texture, which grows when a call needs more lines. A draw
 * cannot read what it writes: its results then lie aside until the run's draws are done, and are copied; or, where they are
 * all that the texture holds, the texture that they lie on takes its place.
 */
import { fail } from "../errors.ts";
import { extent, type Sizes } from "../layout.ts";
import type { BufferInfo, Metadata } from "../metadata.ts";
import type { TensorDevice } from "./device.ts";
import type { Tfjs } from "./open.ts";
import type { Draw, DrawRun, TextureInfo, WebglProgram } from "./program.ts";
import { vertexShader } from "./triangle.ts";
import { eachRun } from "./walk-steps.ts";
import { fromLines, linesIn, toLines } from "./webgl-lines.ts";
import { openExchange } from "./webgl-tensors.ts";

interface Texture {
  /** In the names of framebuffers. */
  readonly id: number;
  readonly texture: WebGLTexture;
  readonly lines: number;
  readonly bytes: number;
}

interface Compiled {
  readonly program: WebGLProgram;
  readonly now: WebGLUniformLocation | null;
  readonly top: WebGLUniformLocation | null;
  readonly sizes: WebGLUniformLocation | null;
  /** Whose values its `sizes` are. */
  laid: Sizes | null;
}

interface Aside {
  readonly draw: Draw;
  readonly framebuffer: WebGLFramebuffer;
  /** What it drew on takes the targets' place. */
  readonly swaps: boolean;
  readonly from: number;
  readonly count: number;
}

/** What of tfjs's WebGL backend is used here. */
interface WebglBackend {
  readonly gpgpu: { readonly gl: WebGL2RenderingContext };
}

export function openWebgl(program: WebglProgram, metadata: Metadata, tf: Tfjs): TensorDevice {
  const { gl } = (tf.backend() as unknown as WebglBackend).gpgpu;
  if (typeof WebGL2RenderingContext === "undefined" || !(gl instanceof WebGL2RenderingContext))
    fail("this model needs WebGL 2; tfjs runs on WebGL 1 here");
  if (!gl.getExtension("EXT_color_buffer_float"))
    fail("this device cannot draw into textures of 32-bit floats: choose another backend of tfjs");
  const counts = { runs: 0, copies: 0, submits: 0 };
  const textures: (Texture | undefined)[] = [];
  /** For each texture the other that takes turns with it. */
  const twins: (Texture | undefined)[] = [];
  const spare = new Map<string, Texture>();
  let made = 0;
  const compiled: (Compiled | undefined)[] = [];
  const framebuffers = new Map<string, WebGLFramebuffer>();
  const places = new Map(program.textures.map((t, k) => [t.name, k]));
  const family = familiesOf(program);
  const largest = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
  const vertices = gl.createVertexArray();
  let vertex: WebGLShader | null = null;
  let sizes: Sizes = {};
  let lost = gl.isContextLost();
  let disposed = false;
  const exchange = openExchange(gl, tf);
  const whenLost = (): void => void (lost = true);
  gl.canvas.addEventListener("webglcontextlost", whenLost);

  const check = (): void => {
    if (disposed) fail("the model has been disposed of");
    if (lost || gl.isContextLost())
      fail("the WebGL context was lost: load the model again, with the weights saved last");
  };

  // ---- textures -------------------------------------------------------------------------------------------------

  const linesOf = (info: TextureInfo): number =>
    info.rows.reduce((n, e) => n * extent(e, sizes), 1) * info.perRow;

  const makeTexture = (width: number, lines: number, dtype: "f32" | "i32"): Texture => {
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, dtype === "f32" ? gl.R32F : gl.R32I, width, lines);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    return { id: made++, texture, lines, bytes: 4 * width * lines };
  };

  /** A texture tall enough; what was in a lower one is lost. */
  const textureAt = (k: number): Texture => {
    const info = program.textures[k]!;
    const lines = linesOf(info);
    const own = family[k]!;
    const held = textures[k];
    if (held && held.lines >= lines) return held;
    if (lines > largest)
      fail(
        `\`${info.name}\` has ${lines} rows for ${metadata.symbols.map((s) => `${s} = ${sizes[s]}`).join(", ")}, ` +
          `and a texture of this device ${largest}: take a smaller batch, or shorter sequences`,
      );
    if (own.lines < lines) {
      for (const member of own.members) drop(member);
      own.lines = lines;
    }
    return (textures[k] = makeTexture(info.width, own.lines, info.dtype));
  };

  const drop = (k: number): void => {
    for (const kept of [textures, twins]) {
      discard(kept[k]);
      kept[k] = undefined;
    }
  };

  /** Deletes a texture, and the framebuffers that have it. */
  const discard = (texture: Texture | undefined): void => {
    if (!texture) return;
    gl.deleteTexture(texture.texture);
    for (const [key, framebuffer] of framebuffers)
      if (key.split(",").includes(String(texture.id))) {
        gl.deleteFramebuffer(framebuffer);
        framebuffers.delete(key);
      }
  };

  const all = (): readonly Texture[] => [...textures, ...twins, ...spare.values()].flatMap((t) => t ?? []);

  const framebufferOf = (attached: readonly Texture[]): WebGLFramebuffer => {
    const key = attached.map(({ id }) => id).join(",");
    const known = framebuffers.get(key);
    if (known) return known;
    const framebuffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    attached.forEach(({ texture }, k) =>
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, gl.TEXTURE_2D, texture, 0),
    );
    gl.drawBuffers(attached.map((_, k) => gl.COLOR_ATTACHMENT0 + k));
    framebuffers.set(key, framebuffer);
    return framebuffer;
  };

  const twinOf = (k: number): Texture => {
    const { width, dtype } = program.textures[k]!;
    return (twins[k] ??= makeTexture(width, textures[k]!.lines, dtype));
  };

  /** What the `nth` draw aside of a run draws on. */
  const asideOf = (draw: Draw, count: number, nth: number): readonly Texture[] => {
    const kinds = draw.targets.map((k) => program.textures[k]!.dtype).join("+");
    return draw.targets.map((k, slot) => {
      const { width, dtype } = program.textures[k]!;
      // What is drawn on together is as tall as each other: it grows together.
      const key = `${nth}:${kinds}:${width}:${slot}`;
      const held = spare.get(key);
      if (held && held.lines >= count) return held;
      discard(held);
      const larger = makeTexture(width, count, dtype);
      spare.set(key, larger);
      return larger;
    });
  };

  // ---- shaders --------------------------------------------------------------------------------------------------

  const shader = (kind: number, code: string): WebGLShader => {
    const made = gl.createShader(kind)!;
    gl.shaderSource(made, code);
    gl.compileShader(made);
    return made;
  };

  const compile = (k: number): Compiled => {
    const known = compiled[k];
    if (known) return known;
    const draw = program.draws[k]!;
    const made = gl.createProgram();
    vertex ??= shader(gl.VERTEX_SHADER, vertexShader);
    const fragment = shader(gl.FRAGMENT_SHADER, draw.code);
    gl.attachShader(made, vertex);
    gl.attachShader(made, fragment);
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) {
      check();
      const why = gl.getShaderInfoLog(fragment) ?? gl.getProgramInfoLog(made);
      fail(`this device refuses the shader of \`${draw.name}\`: ${why}`);
    }
    gl.deleteShader(fragment);
    gl.useProgram(made);
    draw.reads.forEach((texture, unit) => gl.uniform1i(gl.getUniformLocation(made, `t${texture}`), unit));
    gl.uniform1f(gl.getUniformLocation(made, "infinity"), Infinity);
    return (compiled[k] = {
      program: made,
      now: gl.getUniformLocation(made, "now"),
      top: gl.getUniformLocation(made, "top"),
      sizes: gl.getUniformLocation(made, "sizes"),
      laid: null,
    });
  };

  // ---- runs -----------------------------------------------------------------------------------------------------

  const drawOne = (k: number, time: readonly number[], asides: Aside[]): void => {
    const draw = program.draws[k]!;
    const { from, count } = linesIn(draw.region, program.textures[draw.targets[0]!]!, sizes, time);
    if (count <= 0) return;
    const { width } = program.textures[draw.targets[0]!]!;
    const targets = draw.targets.map(textureAt);
    const read = draw.reads.map(textureAt);
    const isWhole = from === 0 && draw.targets.every((k) => linesOf(program.textures[k]!) === count);
    const swaps = draw.aside && isWhole && targets.every(({ lines }) => lines === targets[0]!.lines);
    const drawnOn = !draw.aside
      ? targets
      : swaps
        ? draw.targets.map(twinOf)
        : asideOf(draw, count, asides.length);
    const framebuffer = framebufferOf(drawnOn);
    const { program: code, now, top, sizes: sizesAt, laid } = compile(k);
    gl.useProgram(code);
    if (now) gl.uniform4i(now, time[0] ?? 0, time[1] ?? 0, time[2] ?? 0, time[3] ?? 0);
    if (top) gl.uniform1i(top, draw.aside ? from : 0);
    if (sizesAt && laid !== sizes) {
      gl.uniform1iv(
        sizesAt,
        metadata.symbols.map((s) => sizes[s] ?? 1),
      );
      compiled[k]!.laid = sizes;
    }
    read.forEach(({ texture }, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
    });
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    const bottom = draw.aside ? 0 : from;
    gl.viewport(0, 0, width, bottom + count);
    gl.scissor(0, bottom, width, count);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    counts.runs++;
    if (draw.aside) asides.push({ draw, framebuffer, swaps, from, count });
  };

  const settle = (asides: readonly Aside[]): void => {
    gl.activeTexture(gl.TEXTURE0);
    for (const { draw, framebuffer, swaps, from, count } of asides) {
      if (swaps) {
        for (const k of draw.targets) [textures[k], twins[k]] = [twins[k], textures[k]];
        continue;
      }
      gl.bindFramebuffer(gl.READ_FRAMEBUFFER, framebuffer);
      draw.targets.forEach((k, slot) => {
        gl.readBuffer(gl.COLOR_ATTACHMENT0 + slot);
        gl.bindTexture(gl.TEXTURE_2D, textures[k]!.texture);
        gl.copyTexSubImage2D(gl.TEXTURE_2D, 0, 0, from, 0, 0, program.textures[k]!.width, count);
        counts.copies++;
      });
    }
  };

  const find = (buffer: BufferInfo): number => {
    const name = Object.entries(metadata.buffers).find(([, b]) => b === buffer)?.[0];
    return places.get(name ?? "") ?? fail("no texture for a buffer");
  };

  return {
    reserve: (next) => {
      check();
      sizes = next;
    },
    write: (buffer, data) => {
      check();
      const k = find(buffer);
      const { width, perRow, stride } = program.textures[k]!;
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, textureAt(k).texture);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
      const lines = toLines(data, width * perRow, stride);
      const [format, type] = buffer.dtype === "f32" ? [gl.RED, gl.FLOAT] : [gl.RED_INTEGER, gl.INT];
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, lines.length / width, format, type, lines);
    },
    run: (name) => {
      check();
      gl.bindVertexArray(vertices);
      eachRun<DrawRun>(program.entries[name]!.steps, sizes, ({ draws }, time) => {
        const asides: Aside[] = [];
        for (const k of draws) drawOne(k, time, asides);
        if (asides.length > 0) settle(asides);
      });
      gl.bindVertexArray(null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.flush();
      counts.submits++;
    },
    read: async (buffers) => {
      check();
      const wanted = buffers.map((buffer) => {
        const k = find(buffer);
        const { width, perRow, stride } = program.textures[k]!;
        const held = textureAt(k);
        const lines = linesOf(program.textures[k]!);
        gl.bindFramebuffer(gl.FRAMEBUFFER, framebufferOf([held]));
        gl.readBuffer(gl.COLOR_ATTACHMENT0);
        // One number of four counts: this is the one form that every device reads.
        const store = gl.createBuffer();
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, store);
        gl.bufferData(gl.PIXEL_PACK_BUFFER, 16 * width * lines, gl.STREAM_READ);
        const [format, type] = buffer.dtype === "f32" ? [gl.RGBA, gl.FLOAT] : [gl.RGBA_INTEGER, gl.INT];
        gl.readPixels(0, 0, width, lines, format, type, 0);
        counts.copies++;
        return { buffer, store, texels: width * lines, line: width * perRow, stride };
      });
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      await reached(gl, check);
      return wanted.map(({ buffer, store, texels, line, stride }) => {
        const all = buffer.dtype === "f32" ? new Float32Array(4 * texels) : new Int32Array(4 * texels);
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, store);
        gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, all);
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
        gl.deleteBuffer(store);
        return fromLines(all, line, stride);
      });
    },
    take: (buffer, elements) => {
      check();
      const k = find(buffer);
      const info = program.textures[k]!;
      const held = textureAt(k);
      exchange.take(
        { ...info, lines: linesOf(info), texture: held.texture },
        framebufferOf([held]),
        elements,
      );
      counts.copies++;
    },
    give: (buffer) => {
      check();
      const k = find(buffer);
      const info = program.textures[k]!;
      counts.copies++;
      return exchange.give({ ...info, lines: linesOf(info), texture: textureAt(k).texture });
    },
    report: () => {
      const held = all();
      return { bytes: held.reduce((sum, { bytes }) => sum + bytes, 0), buffers: held.length, ...counts };
    },
    dispose: () => {
      if (disposed) return;
      disposed = true;
      gl.canvas.removeEventListener("webglcontextlost", whenLost);
      all().forEach(discard);
      for (const c of compiled) if (c) gl.deleteProgram(c.program);
      exchange.dispose();
      gl.deleteShader(vertex);
      gl.deleteVertexArray(vertices);
    },
  };
}

/** Textures that some draw writes together: they must be equally tall. */
interface Family {
  readonly members: Set<number>;
  lines: number;
}

function familiesOf({ textures, draws }: WebglProgram): readonly Family[] {
  const of: Family[] = textures.map((_, k) => ({ members: new Set([k]), lines: 0 }));
  for (const { targets, aside } of draws) {
    if (aside) continue;
    const members = new Set(targets.flatMap((k) => [...of[k]!.members]));
    const joined: Family = { members, lines: 0 };
    for (const k of members) of[k] = joined;
  }
  return of;
}

/** Waits until the context has done what it was told so far, without holding the page up. */
async function reached(gl: WebGL2RenderingContext, check: () => void): Promise<void> {
  const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0)!;
  gl.flush();
  for (;;) {
    check();
    const state = gl.clientWaitSync(sync, 0, 0);
    if (state === gl.ALREADY_SIGNALED || state === gl.CONDITION_SATISFIED) break;
    await new Promise((done) => setTimeout(done, 0));
  }
  gl.deleteSync(sync);
}
