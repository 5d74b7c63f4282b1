/** What a page of the browser tests holds: tfjs with its backends, and the runtime of the target. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import * as layers from "@tensorflow/tfjs-layers";
import { openOn } from "../../src/runtime/tfjs/open.ts";

// Small cases would silently run on the CPU.
tf.env().set("WEBGL_CPU_FORWARD", false);
tf.env().set("WEBGPU_CPU_FORWARD", false);

Object.assign(globalThis, { tf, layers, openOn });
