/**
 * A fresh process from a program's text to its first finished training step: prints the milliseconds after the libraries were
 * loaded. `node first-step.mjs T`; run by the section `startup`.
 */
import "binaryen";
import { dataOf, weightsOf } from "./data.mjs";
import { compiled, prepareOurs } from "./ours.mjs";
import { rows } from "./rows.mjs";

const T = Number(process.argv[2]);
const w4 = rows.find(({ name }) => name === "W4");
const row = { ...w4, T, program: w4.program.replace("tbptt 64", `tbptt ${T}`) };
const data = dataOf(row);
const start = performance.now();
const module = await compiled(row.program);
await prepareOurs(row, module, data, weightsOf(module.metadata.parameters));
console.log(performance.now() - start);
