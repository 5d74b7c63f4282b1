/** Where and when something was measured, and how busy the machine was: part of every result. */
import { cpus, loadavg } from "node:os";

export const describeMachine = () => ({
  node: process.versions.node,
  machine: cpus()[0].model,
  cores: cpus().length,
  date: new Date().toISOString().slice(0, 10),
});

/** Mean number of processes that wanted to run during the last minute, this one included. */
export const load = () => Number(loadavg()[0].toFixed(2));
