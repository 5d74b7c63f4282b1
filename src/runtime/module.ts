/** The WASM module of a package, with its memory: a machine's host. */
import { fail } from "./errors.ts";
import type { Host } from "./machine.ts";
import type { Metadata } from "./metadata.ts";

type Export = (...sizes: number[]) => unknown;

/**
 * At once where the engine lets it (a page's own thread may not with a large module): a promise waits for whatever else is
 * compiled in the background, a tenth of a second beside a compiler that has just run.
 */
async function soon<T>(now: () => T, later: () => Promise<T>): Promise<T> {
  try {
    return now();
  } catch {
    return later();
  }
}

/** Fails where the engine lacks something that the module was built for. */
export async function compiled(wasm: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await soon(
      () => new WebAssembly.Module(wasm),
      () => WebAssembly.compile(wasm),
    );
  } catch (error) {
    return fail(
      `this engine cannot compile the module (${(error as Error).message}); one built without \`--relaxed-simd\` needs SIMD alone`,
    );
  }
}

/** Instantiates. Fails if the module is not that of the metadata. */
export async function startModule(
  metadata: Metadata,
  wasm: BufferSource | WebAssembly.Module,
): Promise<Host> {
  if (metadata.format !== 1)
    fail(`this runtime reads packages of format 1, not ${String(metadata.format)}: build the package again`);
  const module = wasm instanceof WebAssembly.Module ? wasm : await compiled(wasm);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: largestMemory });
  return (await instanceOf(metadata, module, memory)).host;
}

/** In pages: the module grows its memory up to the 2 GiB that its addresses reach. */
export const largestMemory = 32768;

/** An instance over the memory given. */
export async function instanceOf(
  metadata: Metadata,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<{ readonly host: Host; readonly exports: WebAssembly.Exports }> {
  const imports: Record<string, Record<string, WebAssembly.Memory>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
    if (kind === "memory") (imports[from] ??= {})[name] = memory;
  const { exports } = await soon(
    () => new WebAssembly.Instance(module, imports),
    () => WebAssembly.instantiate(module, imports),
  );
  const exported = (name: string): Export => {
    const found = exports[name];
    return typeof found === "function"
      ? (found as Export)
      : fail(`the module of \`${metadata.name}\` has no \`${name}\``);
  };
  const reserve = exported("reserve");
  const base = exported("base");
  const entries: Partial<Record<string, Export>> = {};
  for (const [purpose, name] of Object.entries(metadata.entries))
    if (name !== null) entries[purpose] = exported(name);

  let floats = new Float32Array(0);
  let integers = new Int32Array(0);
  const refresh = (): void => {
    if (floats.buffer === memory.buffer) return;
    floats = new Float32Array(memory.buffer);
    integers = new Int32Array(memory.buffer);
  };

  const host: Host = {
    reserve: (sizes, leftOut) => {
      const wanted = metadata.symbols.map((symbol) => sizes[symbol] ?? 1);
      if (Number(reserve(...wanted, leftOut)) >= 0) return;
      const given = metadata.symbols.map((symbol, k) => `${symbol} = ${wanted[k]}`).join(", ");
      fail(`there is no memory for ${given}; a smaller batch needs less`);
    },
    base: (slot) => Number(base(slot)) >>> 2,
    floats: () => (refresh(), floats),
    integers: () => (refresh(), integers),
    run: (purpose) => void entries[purpose]!(),
  };
  return { host, exports };
}
