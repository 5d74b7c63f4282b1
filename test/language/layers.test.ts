/** Layers, modifiers, pooling, output layers and losses of the standard library. */
import { checkCases } from "./gradients.ts";
import { layers } from "./cases.ts";

checkCases(layers);
