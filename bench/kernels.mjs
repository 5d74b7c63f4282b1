/**
 * Products alone, as the compiler emits them: a kernel program of one statement. What it takes is not part of the package's
 * interface, so it is bundled from the sources.
 */
import { bundled } from "./bundled.mjs";
import { generator } from "./data.mjs";

const entry = `
export * from "./src/ir/kernel/build.ts";
export { planMemory } from "./src/passes/plan-memory.ts";
export { emit } from "./src/backends/wasm/emit.ts";`;

/**
 * `AB`: C[R, N] = bias[N] + A[R, K] W[K, N] with W in panels, as in a forward pass, and, over the packed transpose, as in
 * the gradient of an input. `AtB`: C[K, N] += A[R, K]ᵀ B[R, N] with C in panels, the gradient of a weight.
 */
export async function productMaker() {
  const c = await bundled("bench-kernels", entry);
  return ({ form, R, K, N }) => {
    const [r, k, n] = [c.loop("r", c.symbolic("B")), c.loop("k", c.fixed(K)), c.loop("n", c.fixed(N))];
    const rows = (name, dims) => c.rowsBuffer(name, "f32", dims, "temporary");
    const panels = c.panelsBuffer("W", [k.extent, n.extent], 1, "temporary");
    const on = (buffer, ...loops) =>
      c.access(
        buffer,
        loops.map(({ variable }) => c.at(variable)),
      );
    const a = on(rows("A", [r.extent, k.extent]), r, k);
    const other = rows(form === "AB" ? "C" : "B", [r.extent, n.extent]);
    const bias = rows("bias", [n.extent]);
    const product =
      form === "AB"
        ? {
            m: [r],
            n: [n],
            k: [k],
            left: a,
            right: on(panels, k, n),
            to: on(other, r, n),
            start: on(bias, n),
          }
        : {
            m: [k],
            n: [n],
            k: [r],
            left: a,
            right: on(other, r, n),
            to: on(panels, k, n),
            start: on(panels, k, n),
          };
    const body = [{ kind: "product", name: form, ...product }];
    const buffers = [
      ...new Set([product.left, product.right, product.to, product.start].map(({ buffer }) => buffer)),
    ];
    const entries = [{ name: "run", body }];
    const program = c.planMemory(
      { name: form, symbols: ["B"], buffers, entries, plan: null },
      { reuse: false },
    );
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(c.emit(program)), {
      env: { memory },
    });
    exports.reserve(R);
    const random = generator(3);
    // Small, so that sums that grow from call to call stay finite.
    const floats = new Float32Array(memory.buffer);
    for (let at = 0; at < floats.length; at++) floats[at] = (random() - 0.5) * 1e-3;
    return { flop: 2 * R * K * N, run: exports.run };
  };
}
